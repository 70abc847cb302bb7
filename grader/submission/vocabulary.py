"""What a step may use: an allow-list of names, attributes, imports and statements.

The list is data (vocabulary.toml, with a reason for each group); a lesson can extend
it. Local variables may have any name: `grad` or `open` inside a function is the student's own.
"""

from __future__ import annotations

import ast
import builtins
import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from grader.names import did_you_mean
from grader.scope import free_loads, stored

_FILE = Path(__file__).with_name("vocabulary.toml")
_BUILTINS = frozenset(dir(builtins))
# Honest names of one's own methods, which lead nowhere on a tensor: the worker has no autograd engine.
_HARMLESS_OWN = frozenset({"backward", "grad", "open", "input", "id", "hash", "dir", "vars", "help", "exit", "quit"})
_MATH = frozenset(dir(math))


@dataclass(frozen=True)
class Vocabulary:
    """Allowed words, and reasons for some that are refused."""

    names: frozenset[str]  # of Python's builtins
    attributes: frozenset[str]  # behind a dot: of torch, of tensors, of containers
    modules: frozenset[str]
    imports: Mapping[str, frozenset[str]]  # modules of which only these names may be imported
    methods: frozenset[str]  # double-underscore methods that a student's class may define
    reasons: Mapping[str, str]

    def extended(self, extra: Mapping[str, tuple[str, ...]]) -> Vocabulary:
        """This vocabulary and what a lesson adds."""
        return Vocabulary(
            self.names.union(extra.get("names", ())),
            self.attributes.union(extra.get("attributes", ())),
            self.modules.union(extra.get("modules", ())),
            self.imports,
            self.methods,
            self.reasons,
        )


@dataclass(frozen=True)
class Breach:
    """The first word of a slice that is outside the vocabulary."""

    line: int
    word: str
    reason: str

    def message(self) -> str:
        allowing = "an instructor can allow it: [vocabulary] in lesson.toml"
        return f"line {self.line} uses {self.word}: {self.reason} ({allowing})"


@cache
def kit_vocabulary() -> Vocabulary:
    """The kit's own list."""
    raw = tomllib.loads(_FILE.read_text(encoding="utf-8"))

    def words(kind: str) -> frozenset[str]:
        return frozenset(word for group in raw[kind].values() for word in group["words"].split())

    reasons = {word: group["reason"] for group in raw["refused"].values() for word in group["words"].split()}
    imports = {module: frozenset(group["words"].split()) for module, group in raw["imports"].items()}
    return Vocabulary(
        words("names"),
        words("attributes").union(*imports.values()),
        words("modules"),
        imports,
        words("methods"),
        reasons,
    )


def first_breach(statements: Iterable[ast.stmt], vocabulary: Vocabulary) -> Breach | None:
    """The first word, in reading order, that these statements may not use; None if all are allowed."""
    statements = list(statements)
    nodes = [node for statement in statements for node in ast.walk(statement)]
    checker = _Checker(
        vocabulary,
        frozenset(_own_attributes(nodes)),
        frozenset(_imported_names(nodes)),
        frozenset(name for statement in statements for name in stored(statement)),
    )
    breaches = [breach for node in nodes for breach in checker.breaches(node)]
    breaches += [
        breach for statement in statements for name in free_loads(statement) for breach in checker.builtin(name)
    ]
    return min(breaches, key=lambda breach: breach.line, default=None)


@dataclass(frozen=True)
class _Checker:
    vocabulary: Vocabulary
    own: frozenset[str]  # attributes and methods of the student's own classes
    imported: frozenset[str]  # names bound by imports; "*" if there is a star import
    bound: frozenset[str]  # names bound at the top level

    def breaches(self, node: ast.AST) -> Iterator[Breach]:
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    yield from self._module(node, alias.name)
            case ast.ImportFrom(module=module, names=aliases, level=level):
                yield from self._module(node, "." * level + (module or ""))
                for alias in aliases:
                    if f"{module}.{alias.name}" not in self.vocabulary.modules:
                        yield from self._imported(node, module or "", alias.name)
            case ast.Attribute(value=ast.Name(id=base), ctx=ast.Store() | ast.Del()) if base in self.imported:
                yield self._breach(node, f"{base}.{node.attr} = ...", f"it changes {base} itself for everybody")
            case ast.Attribute(attr=attr):
                yield from self._attribute(node, attr)
            case ast.MatchClass(kwd_attrs=attributes):
                for attr in attributes:
                    yield from self._attribute(node, attr)
            case ast.ClassDef(body=body):
                # what a class body looks up may be a builtin, whatever its names are bound to around it
                yield from (breach for name in _class_level_loads(body) for breach in self.builtin(name))
            case ast.Name(id=name) if name.startswith("__") and name.strip("_") and name != "__name__":
                yield self._breach(node, name, "names with double underscores reach into Python itself")
            case ast.FunctionDef(name=name):
                if name.startswith("__") and name not in self.vocabulary.methods:
                    yield self._breach(node, name, "methods with double underscores change how Python itself works")
            case ast.Constant(value=complex()):
                yield self._breach(node, "a complex number", self.vocabulary.reasons.get("complex", ""))
            case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                yield self._breach(node, "async", "a step is one plain function call")

    def _module(self, node: ast.AST, name: str) -> Iterator[Breach]:
        known = self.vocabulary.modules | set(self.vocabulary.imports)
        if name not in known:
            allowed = ", ".join(sorted(known - {"__future__"}))
            yield self._breach(node, f"import {name}", f"a step needs no more than {allowed}")

    def _imported(self, node: ast.AST, module: str, name: str) -> Iterator[Breach]:
        if name.startswith("_"):
            yield self._breach(node, name, self._reason(name))
        if (
            name.startswith("_")
            or module in ("math", "__future__")
            or (name == "*" and module in self.vocabulary.modules)
        ):
            return
        if name not in self.vocabulary.imports.get(module, self.vocabulary.attributes):
            yield self._breach(node, name, self._reason(name))

    def _attribute(self, node: ast.AST, attr: str) -> Iterator[Breach]:
        allowed = attr in self.vocabulary.attributes or self._is_own(attr)
        if not allowed and attr not in self.vocabulary.methods:
            yield self._breach(node, f".{attr}", self._reason(attr))

    def _is_own(self, attr: str) -> bool:
        """Whether a class of the student's own may have given this name to an attribute of its objects."""
        if attr not in self.own or attr.startswith("_"):
            return False
        return attr not in self.vocabulary.reasons or attr in _HARMLESS_OWN

    def builtin(self, name: ast.Name) -> Iterator[Breach]:
        """A name looked up outside any function: it may be one of Python's own, also where the file rebinds it."""
        word = name.id
        if word.startswith("__") or word in self.vocabulary.names:
            return
        unknown = word not in self.bound and word not in _MATH and word not in self.vocabulary.attributes
        starred = "*" in self.imported and (unknown or word in self.vocabulary.reasons)
        if word in _BUILTINS or starred:
            yield self._breach(name, word, self._reason(word))

    def _reason(self, word: str) -> str:
        if word in self.vocabulary.reasons:
            return self.vocabulary.reasons[word]
        if word.startswith("_"):
            return "private names are not part of torch's interface"
        return "it is not among the words a step may use" + did_you_mean(word, self.vocabulary.attributes)

    def _breach(self, node: ast.AST, word: str, reason: str) -> Breach:
        return Breach(getattr(node, "lineno", 0), word, reason)


def _imported_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from stored(node)


def _class_level_loads(body: Iterable[ast.stmt]) -> Iterator[ast.Name]:
    for statement in body:
        parts: list[ast.AST] = [statement]
        if isinstance(statement, ast.FunctionDef):
            parts = [*statement.decorator_list, statement.args]  # defaults and annotations
        yield from (node for part in parts for node in ast.walk(part) if isinstance(node, ast.Name) and _is_load(node))


def _is_load(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


def _own_attributes(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if not isinstance(node, ast.ClassDef):
            continue
        for inner in ast.walk(node):
            match inner:
                case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                    yield name
                case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                    yield name
                case ast.Assign(targets=targets):
                    yield from (target.id for target in targets if isinstance(target, ast.Name))
