"""What a program finds in its namespace: builtins, modules as facades, and the guards."""

from __future__ import annotations

import ast
import builtins
import collections
import copy
import functools
import importlib
import itertools
import math
import operator
import sys
from collections.abc import Callable, Mapping
from types import CodeType, ModuleType
from typing import Any

import torch

from grader.names import did_you_mean
from grader.runner.language import classes, guards, library, tables
from grader.runner.language.budget import turn
from grader.runner.language.compiler import compiled
from grader.runner.language.names import GUARD, is_own_name
from grader.runner.language.refusal import FORGIVABLE, current_line, forgive, refuse
from grader.runner.language.values import Facade, Hint, OwnValues, Unavailable, context

_HELPLESS = "a step needs no more than torch, math and Python's own small helpers"


# Functions of the kit's own in place of Python's


def wraps(function: Any) -> Callable[[Any], Any]:
    """functools.wraps, with one argument."""

    def decorate(wrapper: Any) -> Any:
        if guards.is_own(wrapper) and guards.is_own(function):
            wrapper.__name__, wrapper.__qualname__ = function.__name__, function.__qualname__
            wrapper.__doc__ = function.__doc__
            own = {name: value for name, value in function.__dict__.items() if is_own_name(name)}
            wrapper.__dict__.update(own)
        if callable(function) and (guards.is_own(wrapper) or type(wrapper) in classes.OWN):
            wrapper.__dict__["__wrapped__"] = function  # by which the parameters of a decorated step are known
        return wrapper

    return decorate


def item_getter(*keys: Any) -> Callable[[Any], Any]:
    """operator.itemgetter"""
    if len(keys) == 1:
        return lambda thing: guards.item(thing, keys[0])
    return lambda thing: tuple(guards.item(thing, key) for key in keys)


def attribute_getter(*names: str) -> Callable[[Any], Any]:
    """operator.attrgetter"""

    def one(thing: Any, name: str) -> Any:
        return functools.reduce(guards.get_attribute, name.split("."), thing)

    if len(names) == 1:
        return lambda thing: one(thing, names[0])
    return lambda thing: tuple(one(thing, name) for name in names)


def method_caller(name: str, /, *values: Any, **options: Any) -> Callable[[Any], Any]:
    """operator.methodcaller"""
    return lambda thing: guards.get_attribute(thing, name)(*values, **options)


def total_ordering(kind: Any) -> Any:
    """functools.total_ordering, for a class that has `__lt__`."""
    if kind not in classes.OWN or "__lt__" not in vars(kind):
        raise ValueError("total_ordering takes a class of the file's own, with a method __lt__")
    for name, compare in _FROM_LESS.items():
        if name not in vars(kind):
            setattr(kind, name, compare)
    return kind


_FROM_LESS: dict[str, Callable[[Any, Any], Any]] = {
    "__gt__": lambda self, other: not (self < other or self == other),
    "__le__": lambda self, other: self < other or self == other,
    "__ge__": lambda self, other: not self < other,
}


def _deep_copy(value: Any) -> Any:
    """copy.deepcopy, without its memory: there torch leaves storages."""
    return copy.deepcopy(value)


def _set_print_options(*values: Any, **options: Any) -> None:
    """torch.set_printoptions. What it is given is looked at while a tensor is printed, of whatever exercise."""
    if any(type(value) not in (int, float, bool, str, type(None)) for value in (*values, *options.values())):
        raise TypeError("set_printoptions takes numbers, texts and None")
    torch.set_printoptions(*values, **options)  # type: ignore[no-untyped-call]


def _cast(_: Any, value: Any) -> Any:
    return value


def _as_it_is(value: Any) -> Any:
    return value


class _Stop(Exception):
    """In place of SystemExit and its like, which end a process: here they are ordinary exceptions."""


_STOPS = {name: type(name, (_Stop,), {}) for name in ("SystemExit", "KeyboardInterrupt", "GeneratorExit")}
tables.TABLES.update({kind: frozenset({"args", "add_note"}) for kind in _STOPS.values()})


def _number_or_tensor(name: str) -> Callable[[Any], Any]:
    def function(value: Any) -> Any:
        return getattr(torch, name)(value) if type(value) is torch.Tensor else getattr(math, name)(value)

    return function


def _product(values: Any) -> Any:
    return values.prod() if type(values) is torch.Tensor else math.prod(values)


def _sparse_coo_tensor(indices: Any, values: Any, size: Any = None, **options: Any) -> Any:
    """torch.sparse_coo_tensor, with its indices checked, and dense at once."""
    options |= {"check_invariants": True}
    sizes = () if size is None else (size,)
    return torch.sparse_coo_tensor(*map(guards.settled, (indices, values)), *sizes, **options).to_dense()


def _embedding_bag(input: Any, weight: Any, offsets: Any = None, *, mode: str = "mean") -> Any:
    """F.embedding_bag for sums and means, by operations that look at their indices: its own kernel does not."""
    if mode not in ("sum", "mean"):
        raise ValueError("embedding_bag: mode is 'sum' or 'mean' here")
    rows = weight[input]
    if offsets is None:
        return rows.sum(1) if mode == "sum" else rows.mean(1)
    bags = torch.searchsorted(offsets, torch.arange(len(input)), right=True) - 1
    sums = weight.new_zeros(len(offsets), weight.shape[1]).index_add(0, bags, rows)
    sizes = torch.bincount(bags, minlength=len(offsets)).clamp(min=1)
    return sums if mode == "sum" else sums / sizes[:, None]


def _cached_property(function: Any) -> Any:
    return functools.cached_property(function)


_BUILTINS_OF_OURS: dict[str, Any] = {
    "getattr": guards.get_attribute,
    "hasattr": guards.has_attribute,
    "setattr": guards.set_attribute,
    "delattr": guards.delete,
    "vars": guards.attributes_of,
    "type": guards.type_of,
    "isinstance": guards.is_instance,
    "issubclass": guards.is_subclass,
    "super": guards.super_of,
    "pow": guards.power,
    "BaseException": Exception,
    **_STOPS,
}
_HINTS: dict[str, Any] = {
    "NamedTuple": classes.NAMED_TUPLE,
    "TypedDict": classes.TYPED_DICT,
    "TYPE_CHECKING": False,
    "cast": _cast,
    **dict.fromkeys(("final", "no_type_check", "overload", "runtime_checkable"), _as_it_is),
}
_OURS: dict[str, dict[str, Any]] = {
    "torch": {
        **{name: context(name) for name in ("no_grad", "inference_mode", "set_grad_enabled")},
        **{name: guards.reading(getattr(torch, name)) for name in ("tensor", "as_tensor", "asarray")},
        **guards.LEGACY,
        "sparse_coo_tensor": _sparse_coo_tensor,
        "set_num_threads": lambda _: None,
        "set_printoptions": _set_print_options,
    },
    "torch.cuda": {"is_available": lambda: False, "device_count": lambda: 0},
    "torch.backends.mps": {"is_available": lambda: False, "is_built": lambda: False},
    "functools": {
        "wraps": wraps, "cached_property": _cached_property, "total_ordering": total_ordering,
        "update_wrapper": lambda wrapper, wrapped: wraps(wrapped)(wrapper),
    },
    "copy": {"deepcopy": _deep_copy},
    "abc": {"abstractmethod": _as_it_is},
    "enum": {"Enum": classes.ENUM, "IntEnum": classes.INT_ENUM, "auto": classes.Auto, "unique": _as_it_is},
    "operator": {
        "itemgetter": item_getter, "attrgetter": attribute_getter, "methodcaller": method_caller,
        "getitem": guards.item, "pow": guards.power, "mod": guards.remainder,
        "setitem": lambda thing, index, value: guards.set_item(value, thing, index),
    },
    "torch.nn.functional": {"embedding_bag": _embedding_bag},
    "collections": {"namedtuple": classes.named_tuple},
    "dataclasses": {
        "dataclass": classes.dataclass, "field": classes.field, "fields": classes.fields,
        "replace": classes.replace, "asdict": classes.as_dict, "astuple": classes.as_tuple,
    },
    "numpy": {
        "arange": torch.arange, "prod": _product, "pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan,
        "newaxis": None, "float32": torch.float32, "float64": torch.float64, "int64": torch.int64,
        **{name: _number_or_tensor(name) for name in ("sqrt", "exp", "log")},
    },
}  # fmt: skip
_REAL: dict[str, object] = {
    module.__name__: module for module in (math, functools, itertools, collections, operator, copy, torch)
}


@functools.cache
def facade(name: str) -> Facade | None:
    """The facade of a module; None for one that is outside the language."""
    if name not in tables.MODULE_WORDS:
        return None
    words, ours = tables.MODULE_WORDS[name], _OURS.get(name, {})
    real = _REAL.get(name) or sys.modules.get(name)
    if real is None and name != "numpy":  # which need not be there
        real = importlib.import_module(name)
    if name in ("typing", "collections.abc", "abc"):
        return Facade(name, {word: ours.get(word) or _HINTS.get(word, Hint(word)) for word in words}, real)
    if "*" in words:
        words = frozenset(word for word in dir(real) if not word.startswith("_"))
    if name in tables.OF_TENSORS:
        words = words | tables.TENSOR_WORDS
    values: dict[str, Any] = {}
    for word in words:
        value = ours[word] if word in ours else getattr(real, word, None)
        if isinstance(value, ModuleType):
            value = facade(f"{name}.{word}")
        if value is not None or word in ours:
            values[word] = value
    return Facade(name, values, real)


def own_facade(name: str, namespace: Mapping[str, Any], real: object = None) -> Facade:
    """The facade of a student's own file, from the namespace in which it was run."""
    return Facade(name, OwnValues(namespace), real)


@functools.cache
def _library_code(name: str) -> CodeType:
    return compiled(ast.parse(library.text(name)), f"{library.FILES}/{name}.py")


def extend(words: Mapping[str, tuple[str, ...]]) -> None:
    """Adds what a lesson allows, of lesson.toml's [vocabulary], to this process. Call it before any program is made."""
    if any(words.values()):
        tables.extend(words)
        facade.cache_clear()
        _builtins.cache_clear()
        prepare()


def prepare() -> None:
    """Makes every facade, so that nothing is imported for one later on."""
    for name in list(tables.MODULE_WORDS):
        facade(name)
    for name in library.MODULES:
        _library_code(name)


# Imports


class _Imports:
    """The imports of one program: modules of the language, and the student's own files."""

    def __init__(self, own: Mapping[str, Facade]) -> None:
        self._own = own
        self._library: dict[str, Facade] = {}

    def module(self, name: str, whole: bool) -> Any:
        """`import a.b as c`, or `import a.b`, which binds `a`."""
        found = self._found(name)
        if type(found) is Facade and not whole and "." in name:
            return self._found(name.split(".")[0])
        return found

    def value(self, module: str, name: str) -> Any:
        """`from module import name`"""
        if not module.strip("."):
            return self._found(f".{name}")
        found = self._found(module)
        if type(found) is not Facade:
            return Unavailable(f"{module}.{name}", found.reason, found.instead, found.line)
        if name in found.values:
            return guards.of_case(found.values[name])
        inner = self._own.get(f"{module.lstrip('.')}.{name}") or facade(f"{module}.{name}")
        if inner is not None:
            return inner
        if hasattr(found.real, name):
            return Unavailable(f"{module}.{name}", line=current_line())
        raise ImportError(f"cannot import name '{name}' from '{module}'{did_you_mean(name, found.values)}")

    def everything(self, module: str) -> None:
        """`from module import *`, into the namespace of the program that says so."""
        namespace = sys._getframe(1).f_globals
        found = self._found(module)
        if type(found) is not Facade:
            found.refuse()
        public = getattr(found.real, "__all__", None)
        names = set(found.values) if public is None else set(public)
        for name in sorted(names):
            if is_own_name(name) and not name.startswith("_"):
                known = name in found.values
                namespace[name] = guards.of_case(found.values[name]) if known else Unavailable(f"{module}.{name}")

    def _found(self, name: str) -> Any:
        own = self._own.get(name.lstrip("."))
        if own is not None:
            return own
        found = None if name.startswith(".") else facade(name) or self._of_library(name)
        root = name.split(".")[0]
        if found is None and root != name and facade(root) is not None:
            return Unavailable(name, line=current_line())
        return found or Unavailable(name or ".", _HELPLESS, line=current_line())

    def _of_library(self, name: str) -> Facade | None:
        if name in library.MODULES and name not in self._library:
            space = namespace(name)
            self._library[name] = own_facade(name, space, sys.modules.get(name))
            exec(_library_code(name), space)
        return self._library.get(name)


def _refusing(what: str, reason: str, instead: str) -> None:
    refuse(what, reason, instead)


@functools.cache
def _builtins() -> dict[str, Any]:
    found: dict[str, Any] = {name: Unavailable(name) for name in dir(builtins) if not name.startswith("_")}
    found |= {name: getattr(builtins, name) for name in tables.BUILTIN_WORDS}
    found |= {name: value for name, value in _BUILTINS_OF_OURS.items() if name in tables.BUILTIN_WORDS}
    # Torch's own code imports by the builtins of whoever calls it. No program can write this name, nor an import.
    return {**found, "__build_class__": classes.build_class, "__import__": builtins.__import__, "__debug__": True}


def namespace(name: str = "submission", own: Mapping[str, Facade] | None = None) -> dict[str, Any]:
    """What a program starts with: its `__name__`, the builtins of the language, and the guards its code calls.

    own: the student's own files by module name (`own_facade`); it may be filled while the program runs.
    """
    imports = _Imports({} if own is None else own)
    guarding = {
        "get": guards.get, "set": guards.set_, "delete": guards.delete, "held": guards.held,
        "changed_attribute": guards.changed_attribute, "item": guards.item, "set_item": guards.set_item,
        "delete_item": guards.delete_item, "held_item": guards.held_item, "changed_item": guards.changed_item,
        "it": guards.iterated, "mapping": guards.mapping, "known": guards.known, "with": guards.managed,
        "power": guards.power, "remainder": guards.remainder, "changed": guards.changed, "shown": guards.shown,
        "joined": guards.joined, "slice": slice, "super": guards.super_of, "no_grad": guards.no_grad,
        "Exception": Exception, "Forgivable": FORGIVABLE, "forgive": forgive, "turn": turn, "refuse": _refusing,
        "part": guards.part, "isinstance": guards.is_instance, "hint": Hint("type"),
        "import": imports.module, "import_from": imports.value, "import_all": imports.everything,
    }  # fmt: skip
    return {
        "__name__": name,
        "__builtins__": _builtins(),
        **{f"{GUARD}{word}": guard for word, guard in guarding.items()},
    }


def bound_names(namespace: Mapping[str, Any]) -> list[str]:
    """The names that a program has bound, without those of the language."""
    return [word for word in namespace if is_own_name(word)]
