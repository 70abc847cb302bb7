"""The tables: for every type that a program meets, the names behind its dot. tables.toml has the names, and why."""

from __future__ import annotations

import builtins
import collections
import functools
import importlib
import itertools
import tomllib
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

_FILE = Path(__file__).with_name("tables.toml")
RAW: dict[str, dict[str, dict[str, str]]] = tomllib.loads(_FILE.read_text(encoding="utf-8"))


def _words(kind: str) -> frozenset[str]:
    return frozenset(word for group in RAW[kind].values() for word in group["words"].split())


def _of(kind: str) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for group in RAW[kind].values():
        for owner in group["of"].split():
            found[owner] = found.get(owner, frozenset()) | frozenset(group["words"].split())
    return found


TENSOR_WORDS = _words("tensors")
BUILTIN_WORDS = _words("builtins")
MODULE_WORDS = _of("modules")
REASONS = {
    word: (group["reason"], group.get("instead", ""))
    for group in RAW["refused"].values()
    for word in group["words"].split()
}
OF_TENSORS = ("torch", "torch.nn", "torch.nn.functional", "torch.functional", "torch.linalg", "torch.special")
LAYERS = tuple(getattr(torch.nn, name) for name in TENSOR_WORDS if isinstance(getattr(torch.nn, name, None), type))

_THINGS: tuple[Any, ...] = ([], {}, {}.values(), {}.items(), range(0), (), set(), "", "ä", b"")
_ITERATORS: tuple[type, ...] = (
    *(type(iter(value)) for value in _THINGS),
    *(type(reversed(value)) for value in _THINGS[:5]),
    *(type(iter(collections.deque())), type(reversed(collections.deque())), type(iter(range(1 << 99)))),
    *(type(iter(int, 0)), enumerate, filter, map, reversed, zip),
    *(kind for kind in vars(itertools).values() if isinstance(kind, type)),
)  # fmt: skip
_CALLABLES: tuple[type, ...] = (
    types.BuiltinFunctionType, types.MethodType, types.MethodDescriptorType, types.WrapperDescriptorType,
    types.MethodWrapperType, types.ClassMethodDescriptorType, functools.partial, staticmethod, classmethod,
    functools.cached_property,
)  # fmt: skip
_CACHED = functools.lru_cache(abs)
_NAMED: Mapping[str, Iterable[type]] = {
    "Tensor": [torch.Tensor],
    "str": [str], "int": [int], "float": [float], "bool": [bool], "list": [list], "tuple": [tuple], "dict": [dict],
    "set": [set], "frozenset": [frozenset], "range": [range], "slice": [slice], "property": [property],
    "defaultdict": [collections.defaultdict], "OrderedDict": [collections.OrderedDict],
    "Counter": [collections.Counter], "deque": [collections.deque], "generator": [types.GeneratorType],
    "dict_keys": [type({}.keys()), type(collections.OrderedDict[int, int]().keys())],
    "dict_values": [type({}.values()), type(collections.OrderedDict[int, int]().values())],
    "dict_items": [type({}.items()), type(collections.OrderedDict[int, int]().items())],
    "Size": [torch.Size], "dtype": [torch.dtype], "finfo": [torch.finfo], "iinfo": [torch.iinfo],
    "device": [torch.device], "layout": [torch.layout, torch.memory_format], "Generator": [torch.Generator],
    "cached_function": [type(_CACHED)], "cache_information": [type(_CACHED.cache_info())],
    "iterators": _ITERATORS, "chain": [itertools.chain], "callables": _CALLABLES, "layers": LAYERS,
    "constants": [type(None), type(...), type(NotImplemented), bytes, object],
    "BaseException": [
        kind for kind in vars(builtins).values() if isinstance(kind, type) and issubclass(kind, Exception)
    ] + [BaseException],
}  # fmt: skip


def _tables() -> dict[type, frozenset[str]]:
    """By exact type the names behind the dot. A type that is missing is one that no program should hold."""
    found: dict[type, frozenset[str]] = {torch.Tensor: _existing(TENSOR_WORDS, torch.Tensor)}
    for name, words in _of("values").items():
        for kind in _NAMED[name]:
            found[kind] = found.get(kind, frozenset()) | _existing(words, kind)
    for kind in vars(torch.return_types).values():  # what max, sort and topk return
        if isinstance(kind, type) and issubclass(kind, tuple):
            found[kind] = frozenset(
                word for word in dir(kind) if not word.startswith("_") and not word.startswith("n_")
            )
    return found


def _existing(words: Iterable[str], owner: object) -> frozenset[str]:
    return frozenset(word for word in words if hasattr(owner, word))


TABLES = _tables()


def extend(extra: Mapping[str, tuple[str, ...]]) -> None:
    """Adds a lesson's own names, of lesson.toml's [vocabulary], to the tables."""
    global TENSOR_WORDS, BUILTIN_WORDS
    more = frozenset(extra.get("attributes", ()))
    TENSOR_WORDS |= more
    for kind, words in TABLES.items():
        TABLES[kind] = words | _existing(more, kind)
    for module, words in MODULE_WORDS.items():
        MODULE_WORDS[module] = words | more
    BUILTIN_WORDS |= frozenset(extra.get("names", ()))
    for module in extra.get("modules", ()):
        importlib.import_module(module)
        MODULE_WORDS[module] = frozenset({"*"})
