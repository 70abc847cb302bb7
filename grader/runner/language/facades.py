"""What a program finds in its namespace: builtins, modules as facades, and the guards."""

from __future__ import annotations

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
from types import ModuleType
from typing import Any

import torch

from grader.names import did_you_mean
from grader.runner.language import classes, guards, tables
from grader.runner.language.budget import turn
from grader.runner.language.names import GUARD, is_own_name
from grader.runner.language.refusal import current_line, refuse
from grader.runner.language.values import Facade, Hint, OwnValues, Unavailable, context

_HELPLESS = "a step needs no more than torch, math and Python's own small helpers"


# Functions of the kit's own in place of Python's


def wraps(function: Any) -> Callable[[Any], Any]:
    """functools.wraps, with one argument."""

    def decorate(wrapper: Any) -> Any:
        if guards.is_own(wrapper):
            if guards.is_own(function):
                wrapper.__name__, wrapper.__qualname__ = function.__name__, function.__qualname__
                wrapper.__doc__ = function.__doc__
                own = {name: value for name, value in function.__dict__.items() if is_own_name(name)}
                wrapper.__dict__.update(own)
            if callable(function):
                wrapper.__wrapped__ = function  # by which the parameters of a decorated step are known
        return wrapper

    return decorate


def item_getter(*keys: Any) -> Callable[[Any], Any]:
    """operator.itemgetter"""
    if len(keys) == 1:
        return lambda thing: guards.item(thing, keys[0])
    return lambda thing: tuple(guards.item(thing, key) for key in keys)


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
    return torch.sparse_coo_tensor(indices, values, *sizes, **options).to_dense()


def _embedding_bag(input: Any, weight: Any, offsets: Any = None, *more: Any, **options: Any) -> Any:
    """F.embedding_bag, which does not look at all of its indices and offsets itself."""
    if input.numel() and not 0 <= int(input.min()) <= int(input.max()) < len(weight):
        raise IndexError("embedding_bag: an index is out of range")
    if offsets is not None:
        ends = [0, *offsets.tolist(), input.numel()]
        if offsets.ndim != 1 or sorted(ends) != ends:
            raise ValueError("embedding_bag: offsets rise from 0 to the number of indices")
    return torch.nn.functional.embedding_bag(input, weight, offsets, *more, **options)


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
        "sparse_coo_tensor": _sparse_coo_tensor,
    },
    "torch.cuda": {"is_available": lambda: False, "device_count": lambda: 0},
    "torch.backends.mps": {"is_available": lambda: False, "is_built": lambda: False},
    "functools": {"wraps": wraps, "cached_property": _cached_property},
    "operator": {
        "itemgetter": item_getter, "getitem": guards.item, "pow": guards.power, "mod": guards.remainder,
        "setitem": lambda thing, index, value: guards.set_item(value, thing, index),
    },
    "types": {"SimpleNamespace": classes.SimpleNamespace},
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
    if name in ("typing", "collections.abc"):
        return Facade(name, {word: _HINTS.get(word, Hint(word)) for word in words}, real)
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


def own_facade(name: str, namespace: Mapping[str, Any]) -> Facade:
    """The facade of a student's own file, from the namespace in which it was run."""
    return Facade(name, OwnValues(namespace))


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


# Imports


class _Imports:
    """The imports of one program: modules of the language, and the student's own files."""

    def __init__(self, own: Mapping[str, Facade]) -> None:
        self._own = own

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
        found = None if name.startswith(".") else facade(name)
        root = name.split(".")[0]
        if found is None and root != name and facade(root) is not None:
            return Unavailable(name, line=current_line())
        return found or Unavailable(name or ".", _HELPLESS, line=current_line())


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
        "Exception": Exception, "turn": turn, "refuse": _refusing, "hint": Hint("type"),
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
