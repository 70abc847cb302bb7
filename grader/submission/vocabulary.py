"""What a step may use: an allow-list of names, attributes, imports and kinds of statements.

The list is data (vocabulary.toml, with a reason for each group); a lesson can extend
it. Local variables may have any name: `grad` or `open` inside a function is the student's own.
So may the attributes of their own classes, unless torch has one of that name.

`first_breach` reads a slice and finds the first word outside the list. A few allowed words
are held to a form as well (`.format`, `type`, `wraps`), because a text or a second argument
would open what the list closes; `forms` has these.
"""

from __future__ import annotations

import ast
import builtins
import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from grader.names import did_you_mean
from grader.scope import stored
from grader.submission import forms
from grader.submission.statement import Statement
from grader.submission.taken import taken_words
from grader.syntax import walk

_FILE = Path(__file__).with_name("vocabulary.toml")
_BUILTINS = frozenset(dir(builtins))
_MATH = frozenset(dir(math))
OPEN_MODULES = frozenset({"math", "__future__"})  # all they have may be imported, but for private names
_HARMLESS_DUNDERS = frozenset({"__name__", "__doc__", "__slots__"})


@dataclass(frozen=True)
class Vocabulary:
    """Allowed words, and reasons for some that are refused."""

    names: frozenset[str]  # of Python's builtins
    attributes: frozenset[str]  # behind a dot: of torch, of tensors, of containers
    modules: frozenset[str]
    imports: Mapping[str, frozenset[str]]  # modules of which only these names may be imported
    paths: frozenset[str]  # allowed as a whole: "torch.cuda.is_available"
    methods: frozenset[str]  # double-underscore methods that a student's class may define
    syntax: frozenset[str]  # kinds of statements and expressions, as Python's ast names them
    shared: frozenset[str]  # words of torch that a student's own classes may have, too
    reasons: Mapping[str, str]

    def extended(self, extra: Mapping[str, tuple[str, ...]]) -> Vocabulary:
        """This vocabulary and what a lesson adds."""
        return replace(
            self,
            names=self.names.union(extra.get("names", ())),
            attributes=self.attributes.union(extra.get("attributes", ())),
            modules=self.modules.union(extra.get("modules", ())),
        )


@dataclass(frozen=True)
class Breach:
    """The first word of a slice that is outside the vocabulary."""

    line: int
    word: str
    reason: str
    allowed_by: str = ""  # the list of lesson.toml's [vocabulary] that could allow it, if one can

    def message(self) -> str:
        return f"line {self.line} uses {self.word}: {self.reason}{self._mend()}"

    def _mend(self) -> str:
        if not self.allowed_by:
            return ""
        word = self.word.removeprefix("import ").removeprefix(".")
        return f' (an instructor can allow it in lesson.toml: {self.allowed_by} = ["{word}"] under [vocabulary])'


@cache
def kit_vocabulary() -> Vocabulary:
    """The kit's own list."""
    raw = tomllib.loads(_FILE.read_text(encoding="utf-8"))

    def words(kind: str) -> frozenset[str]:
        return frozenset(word for group in raw[kind].values() for word in group["words"].split())

    imports = {module: frozenset(group["words"].split()) for module, group in raw["imports"].items()}
    return Vocabulary(
        names=words("names"),
        attributes=words("attributes"),
        modules=words("modules"),
        imports=imports,
        paths=words("paths"),
        methods=words("methods"),
        syntax=words("syntax"),
        shared=words("shared"),
        reasons={word: group["reason"] for group in raw["refused"].values() for word in group["words"].split()},
    )


_SILENT = (ast.expr_context, ast.operator)  # nothing can be wrong with these but that they are there
# Nodes that hold no name as a text, and are the most frequent ones.
_NAMELESS = (
    ast.expr_context, ast.operator, ast.BinOp, ast.Call, ast.Constant, ast.Assign, ast.Subscript, ast.Attribute,
)  # fmt: skip


def first_breach(statements: Sequence[Statement], vocabulary: Vocabulary, given: str = "") -> Breach | None:
    """The first word, in reading order, that these statements may not use; None if all are allowed.

    The judge fills in the parameters of the callable `given`.
    """
    nodes = [node for statement in statements for node in statement.nodes]
    checker = _checker(statements, nodes, vocabulary, given)
    speaking = [node for node in nodes if not isinstance(node, _SILENT) or type(node).__name__ not in vocabulary.syntax]
    found = [remark for node in speaking for remark in checker.remarks(node)]
    found += [remark for statement in statements for name in statement.free for remark in checker.builtin(name)]
    return checker.explained(min(found, key=lambda remark: remark.line)) if found else None


@dataclass(frozen=True)
class _Remark:
    """A breach before its reason is looked up: of thousands, only the first is told."""

    line: int
    word: str
    reason: str = ""
    allowed_by: str = ""


@dataclass(frozen=True)
class _Checker:
    vocabulary: Vocabulary
    places: forms.Places
    imported: frozenset[str]  # names bound by imports; "*" if there is a star import
    modules: Mapping[str, str]  # of these the modules, by the name they are bound to
    bound: frozenset[str]  # names bound at the top level
    whole: frozenset[int]  # nodes that are part of an allowed path

    def remarks(self, node: ast.AST) -> Iterator[_Remark]:
        if type(node).__name__ not in self.vocabulary.syntax:
            yield self._unknown_syntax(node)
        for name in _identifiers(node):
            yield from self._identifier(node, name)
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    yield from self._module(node, alias.name)
            case ast.ImportFrom(module=module, names=aliases, level=level):
                yield from self._module(node, "." * level + (module or ""))
                for alias in aliases:
                    if f"{module}.{alias.name}" not in self.vocabulary.modules:
                        yield from self._imported(node, module or "", alias.name)
            case ast.Attribute(value=value, attr=attr, ctx=ast.Load()) if id(node) not in self.whole:
                yield from self._read(node, value, attr)
            case ast.Attribute(value=value, attr=attr, ctx=ast.Store() | ast.Del()):
                yield from self._changed(node, value, attr)
            case ast.MatchClass(cls=value, kwd_attrs=attributes):
                for attr in attributes:
                    yield from self._read(node, value, attr)
            case ast.ClassDef(body=body):
                # what a class body looks up may be a builtin, whatever its names are bound to around it
                yield from (remark for name in _class_level_loads(body) for remark in self.builtin(name))
        for word, reason in forms.misused(node, self.places):
            yield self._remark(node, word, reason)

    def builtin(self, name: ast.Name) -> Iterator[_Remark]:
        """A name looked up outside any function: it may be one of Python's own, also where the file rebinds it."""
        word = name.id
        if word == "type":
            for form, reason in forms.misused_type(name, self.places):
                yield self._remark(name, form, reason)
        if _is_dunder(word) or word in self.vocabulary.names:
            return
        unknown = word not in self.bound and word not in _MATH and word not in self.vocabulary.attributes
        starred = "*" in self.imported and (unknown or word in self.vocabulary.reasons)
        if word in _BUILTINS or starred:
            yield self._remark(name, word, allowed_by="names" if word in _BUILTINS else "attributes")

    def explained(self, remark: _Remark) -> Breach:
        """The remark with the reason that the list gives, where it has none of its own."""
        return Breach(
            remark.line, remark.word, remark.reason or self._reason(remark.word.lstrip(".")), remark.allowed_by
        )

    def _identifier(self, node: ast.AST, name: str) -> Iterator[_Remark]:
        if isinstance(node, ast.FunctionDef) and name.startswith("__"):
            if _is_dunder(name) and name not in self.vocabulary.methods:
                yield self._remark(node, name, "methods with double underscores change how Python itself works")
        elif _is_dunder(name) and name not in _HARMLESS_DUNDERS:
            yield self._remark(node, name, "names with double underscores reach into Python itself")

    def _module(self, node: ast.AST, name: str) -> Iterator[_Remark]:
        known = self.vocabulary.modules | set(self.vocabulary.imports)
        if name not in known:
            allowed = ", ".join(sorted(known - {"__future__"}))
            yield self._remark(node, f"import {name}", f"a step needs no more than {allowed}", "modules")

    def _imported(self, node: ast.AST, module: str, name: str) -> Iterator[_Remark]:
        if name.startswith("_"):
            yield self._remark(node, name)
        elif module in OPEN_MODULES or (name == "*" and module in self.vocabulary.modules):
            return
        elif name not in self.vocabulary.imports.get(module, self.vocabulary.attributes):
            yield self._remark(node, name, allowed_by="attributes" if module in self.vocabulary.modules else "")

    def _read(self, node: ast.AST, owner: ast.expr, attr: str) -> Iterator[_Remark]:
        module = self.modules.get(owner.id, "") if isinstance(owner, ast.Name) else ""
        if module in self.vocabulary.imports:
            if attr not in self.vocabulary.imports[module]:
                yield self._remark(node, f".{attr}")
        elif _is_dunder(attr):
            if attr not in self.vocabulary.methods or attr.endswith("pow__"):
                yield self._remark(node, f".{attr}")
        elif attr not in self.vocabulary.attributes and not self._is_own(owner, attr):
            yield self._remark(node, f".{attr}", self._taken(attr), "" if attr.startswith("_") else "attributes")

    def _changed(self, node: ast.AST, owner: ast.expr, attr: str) -> Iterator[_Remark]:
        """`owner.attr = ...`: honest on an object of one's own, and on the data of a tensor."""
        if attr == "data":
            return
        if self.places.receivers.is_foreign(owner) and attr not in self.vocabulary.reasons:
            yield self._remark(node, f"{ast.unparse(owner)[:40]}.{attr} = ...", "it changes what is not the step's own")
        elif _is_dunder(attr):
            yield self._remark(node, f".{attr} = ...", "names with double underscores reach into Python itself")
        elif attr not in self.vocabulary.attributes and not self._is_own(owner, attr):
            yield self._remark(node, f".{attr}", self._taken(attr))

    def _is_own(self, owner: ast.expr, attr: str) -> bool:
        """Whether a class of the student's own may have given this name to an attribute of its objects."""
        if attr not in self.places.own:
            return False
        if attr in taken_words() or attr in self.vocabulary.reasons:
            return attr in self.vocabulary.shared and not self.places.receivers.is_foreign(owner)
        return True

    def _taken(self, attr: str) -> str:
        """Why an attribute of the student's own is refused for its name alone."""
        if attr in self.places.own and attr not in self.vocabulary.shared:
            return (
                "torch or Python has this word, too, and the text cannot tell whose is meant; give yours another name"
            )
        return ""

    def _unknown_syntax(self, node: ast.AST) -> _Remark:
        kind = type(node).__name__
        word = "async" if kind.startswith("Async") or kind == "Await" else kind
        return self._remark(node, word, "a step is one plain function call" if word == "async" else "")

    def _reason(self, word: str) -> str:
        if word in self.vocabulary.reasons:
            return self.vocabulary.reasons[word]
        if word.startswith("_"):
            return "private names are not part of torch's interface"
        return "it is not among the words a step may use" + did_you_mean(word, self.vocabulary.attributes)

    def _remark(self, node: ast.AST, word: str, reason: str = "", allowed_by: str = "") -> _Remark:
        return _Remark(getattr(node, "lineno", 0), word, reason, allowed_by)


def _checker(statements: Sequence[Statement], nodes: Sequence[ast.AST], vocabulary: Vocabulary, given: str) -> _Checker:
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {alias.asname or alias.name: alias.name for node in imports for alias in node.names}
    return _Checker(
        vocabulary,
        forms.places_of(nodes, given, vocabulary.attributes, frozenset(_own_attributes(nodes))),
        frozenset(name for node in imports for name in stored(node)),
        {name: module for name, module in modules.items() if module in (*vocabulary.modules, *vocabulary.imports)},
        frozenset(name for statement in statements for name in statement.stored),
        frozenset(part for node in nodes for part in _path_parts(node, modules, vocabulary.paths)),
    )


def _path_parts(node: ast.AST, modules: Mapping[str, str], paths: frozenset[str]) -> Iterator[int]:
    """The nodes of a dotted path that is allowed as a whole."""
    words: list[str] = []
    parts: list[int] = []
    while isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        words.append(node.attr)
        parts.append(id(node))
        node = node.value
    if words and isinstance(node, ast.Name) and ".".join([modules.get(node.id, ""), *reversed(words)]) in paths:
        yield from parts


def _identifiers(node: ast.AST) -> Iterator[str]:
    """Every name that a node holds as a text, whatever it is for."""
    for field in node._fields if not isinstance(node, _NAMELESS) else ():
        value = getattr(node, field, None)
        if isinstance(node, ast.Attribute | ast.Constant | ast.MatchClass) or field == "module":
            continue  # attributes and modules have rules of their own
        if isinstance(node, ast.alias) and field == "name":
            continue
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, str))


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__") and bool(name.strip("_"))


def _class_level_loads(body: Iterable[ast.stmt]) -> Iterator[ast.Name]:
    for statement in body:
        parts: list[ast.AST] = [statement]
        if isinstance(statement, ast.FunctionDef):
            parts = [*statement.decorator_list, statement.args]  # defaults and annotations
        yield from (node for node in walk(*parts) if isinstance(node, ast.Name) and _is_load(node))


def _is_load(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


def _own_attributes(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names that the student's own text gives to attributes: of classes, of objects, of named tuples."""
    for node in nodes:
        match node:
            case ast.ClassDef(body=body):
                for statement in body:
                    yield from stored(statement)
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.Call(
                func=ast.Name(id="namedtuple" | "NamedTuple") | ast.Attribute(attr="namedtuple"), args=[_, *fields]
            ):
                for inner in walk(*fields):
                    if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                        yield from inner.value.replace(",", " ").split()
