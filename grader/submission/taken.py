"""Words that torch and Python have themselves, behind a dot of what a step can lay hands on."""

from __future__ import annotations

import collections
import copy
import dataclasses
import functools
import itertools
import math
import operator
import types
import typing
from functools import cache

_MODULES = (collections, copy, dataclasses, functools, itertools, math, operator, typing)
_KINDS = (type, int, float, complex, str, list, dict, set, slice, range, property, functools.partial)
_ERRORS = (Exception, AttributeError, NameError, OSError)
_INNER = [kind for kind in vars(types).values() if isinstance(kind, type)]  # of functions, frames, tracebacks


@cache
def taken_words() -> frozenset[str]:
    """A student's own attribute of such a name could be torch's or Python's just as well."""
    import torch  # only judges read answers; commands that judge nothing start without it

    modules = (torch, torch.nn, torch.nn.functional, torch.functional, torch.linalg, torch.special, torch.cpu)
    kinds = (torch.Tensor, torch.Generator, torch.Size, torch.finfo, torch.dtype)
    owners: tuple[object, ...] = (*modules, *kinds, *_MODULES, *_KINDS, *_ERRORS, *_INNER)
    return frozenset(word for owner in owners for word in dir(owner))
