"""Whether a mutant is its original, found by calling both on random cases; the judge has no part in it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from tests.mutation.cases import Case, Gradients, lecture_case, random_cases
from tests.mutation.scene import MODULES, function_in, is_gradient
from tests.mutation.seeds import Seed

EQUAL = 1e-12  # of the largest element, in float64
EQUAL_SINGLE = 1e-5  # the same for what is worked out in float32
_SINGLE_EPS = 2.0**-24
_VANISHES = 1e-9
_SINGLE_ERRORS = 8  # times the original's own error in float32


@dataclass(frozen=True)
class Called:
    """What one call gave: something for each step (nothing after an error), and whether an input has changed."""

    returned: tuple[Any, ...] | None
    changed: bool


@dataclass(frozen=True)
class Agreement:
    """How a mutant's answer to one step compares with its original's, over all random cases."""

    is_identical: bool  # shape, dtype and every bit
    is_equal: bool  # shape and dtype, values within EQUAL
    is_equal_but_for_form: bool  # values within EQUAL in their flat order, whatever the shape
    changes_input: bool  # in a case up to the first in which no step agrees


def agreements(seed: Seed, source: str, kind: Gradients = "drawn") -> tuple[Agreement, ...]:
    """One for each step of the seed."""
    function, names = made(source)
    identical, equal, formless = ([True] * len(seed.steps) for _ in range(3))
    changed = False
    originals, sizes = _originals(seed, kind), _scales(seed, kind)
    for case, right, scales in zip(random_cases(kind), originals, sizes, strict=True):
        got = called(function, names, case, len(seed.steps))
        changed = changed or got.changed
        for step in range(len(seed.steps)):
            answer, wanted = got.returned[step] if got.returned else None, right[step]
            identical[step] = identical[step] and _identical(answer, wanted)
            limit = EQUAL * scales[step]
            formless[step] = formless[step] and _close_in_order(answer, wanted, limit)
            equal[step] = equal[step] and formless[step] and _same_form(answer, wanted)
        if not any(formless):
            break
    return tuple(Agreement(*row, changed) for row in zip(identical, equal, formless, strict=True))


def starts_elsewhere(seed: Seed, source: str, step: int) -> bool:
    """Whether it reads other gradients than its original, and is it where gradients follow from one another."""
    others = _gradients_in(made(source)[1]) != _gradients_in(made(seed.source)[1])
    return others and agreements(seed, source, "following")[step].is_equal


def agrees_in_single(seed: Seed, source: str, step: int, with_shape: bool = True) -> bool:
    """Whether an answer that is worked out in float32, wholly or in part, is its original but for the rounding."""
    function, names = made(source)
    own, own_names = made(seed.source)
    for case, right, scales in zip(random_cases(), _originals(seed), _scales(seed), strict=True):
        got = called(function, names, case, len(seed.steps), torch.float32)  # where its float32 is the case's dtype
        rounded = called(own, own_names, case, len(seed.steps), torch.float32)
        if got.returned is None or rounded.returned is None:
            return False
        error = float((rounded.returned[step].double() - right[step]).abs().max())
        limit = max(EQUAL_SINGLE * scales[step], _SINGLE_ERRORS * error)
        answer = got.returned[step]
        if not _close_in_order(answer, right[step], limit) or (with_shape and answer.shape != right[step].shape):
            return False
    return True


def is_right_at_home(seed: Seed, source: str, step: int) -> bool:
    """Whether it is its original at the lecture's sizes, if only where gradients are zero as those of the loss are."""
    function, names = made(source)
    for case in (lecture_case("drawn"), lecture_case("masked")):
        right, rounded = (_original(seed, case, dtype)[step] for dtype in (torch.float64, torch.float32))
        got = called(function, names, case, len(seed.steps))
        if got.returned is None:
            continue
        if _close_in_order(got.returned[step], right, EQUAL * _scale(right, rounded)):
            return True
        single = called(function, names, case, len(seed.steps), torch.float32)
        if _vanishes(right, rounded) and single.returned and _vanishes(got.returned[step], single.returned[step]):
            return True
    return False


def vanishes_too(seed: Seed, source: str, step: int) -> bool:
    """Whether an answer that differs does so only where its original is zero in exact arithmetic, and is zero, too.

    Zero is what rounding makes of it: next to nothing beside the terms that cancel, as float32's rounding shows these.
    """
    function, names = made(source)
    for case, right, scales in zip(random_cases(), _originals(seed), _scales(seed), strict=True):
        got = called(function, names, case, len(seed.steps))
        if got.returned is None or not _same_form(got.returned[step], right[step]):
            return False
        if _close_in_order(got.returned[step], right[step], EQUAL * scales[step]):
            continue
        rounded = called(function, names, case, len(seed.steps), torch.float32)
        is_zero = float(right[step].abs().max()) < _VANISHES * scales[step]
        if not is_zero or rounded.returned is None or not _vanishes(got.returned[step], rounded.returned[step]):
            return False
    return True


def is_zero(seed: Seed, step: int) -> bool:
    """Whether the original is zero in exact arithmetic: then rounding alone decides, which grows with the sizes."""
    values = zip(_originals(seed), _scales(seed), strict=True)
    return all(float(right[step].abs().max()) < _VANISHES * scales[step] for right, scales in values)


def made(source: str) -> tuple[Callable[..., Any], tuple[str, ...]]:
    """The function that `source` is, and the names of its parameters."""
    namespace: dict[str, Any] = dict(MODULES)
    exec(compile(source, "<mutant>", "exec"), namespace)
    node = function_in(source)
    return namespace[node.name], tuple(argument.arg for argument in node.args.args)


def called(
    function: Callable[..., Any], names: Sequence[str], case: Case, steps: int, dtype: torch.dtype = torch.float64
) -> Called:
    """Calls a function on one case."""
    try:
        given, before = case.given(names, dtype), case.given(names, dtype)
        with _quiet(dtype):
            result = function(**given)
    except Exception:  # a mutant may raise anything
        return Called(None, False)
    changed = any(not _is_as(value, given[name]) for name, value in before.items())
    returned = result if steps > 1 else (result,)
    if not isinstance(returned, tuple) or len(returned) != steps:
        return Called(None, changed)
    return Called(tuple(item.clone() if isinstance(item, Tensor) else item for item in returned), changed)


def _is_as(before: Tensor | int, now: Tensor | int) -> bool:
    if isinstance(before, Tensor) and isinstance(now, Tensor):
        return before.shape == now.shape and torch.equal(before, now)
    return bool(before == now)


@contextmanager
def _quiet(dtype: torch.dtype) -> Iterator[None]:
    """As in a student's process: the default dtype is the case's; warnings go nowhere."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_default_dtype(usual)


def _gradients_in(names: Iterable[str]) -> frozenset[str]:
    return frozenset(filter(is_gradient, names))


@cache
def _originals(seed: Seed, kind: Gradients = "drawn") -> tuple[tuple[Tensor, ...], ...]:
    """What the original gives, by case and step."""
    return tuple(_original(seed, case, torch.float64) for case in random_cases(kind))


def _original(seed: Seed, case: Case, dtype: torch.dtype) -> tuple[Tensor, ...]:
    got = called(*made(seed.source), case, len(seed.steps), dtype)
    assert got.returned is not None, f"{seed.place} ({seed.form}) does not run"
    return got.returned


@cache
def _scales(seed: Seed, kind: Gradients = "drawn") -> tuple[tuple[float, ...], ...]:
    """The size of an answer, by case and step: its largest element.

    Where it is zero in exact arithmetic, the size is that of the terms which cancel, as float32's rounding shows it.
    """
    return tuple(
        tuple(map(_scale, right, _original(seed, case, torch.float32)))
        for case, right in zip(random_cases(kind), _originals(seed, kind), strict=True)
    )


def _scale(right: Tensor, rounded: Tensor) -> float:
    return _terms(right, rounded) if _vanishes(right, rounded) else float(right.abs().max())


def _vanishes(answer: Tensor, rounded: Tensor) -> bool:
    """Whether an answer is zero in exact arithmetic, given what it is in float32."""
    return float(answer.abs().max()) < _VANISHES * _terms(answer, rounded)


def _terms(answer: Tensor, rounded: Tensor) -> float:
    """The size of what an answer is added up from."""
    return float((rounded.double() - answer).abs().max()) / _SINGLE_EPS


def _identical(got: Any, right: Tensor) -> bool:
    return _same_form(got, right) and torch.equal(got, right)


def _same_form(got: Any, right: Tensor) -> bool:
    return isinstance(got, Tensor) and got.shape == right.shape and got.dtype == right.dtype


def _close_in_order(got: Any, right: Tensor, limit: float) -> bool:
    if not isinstance(got, Tensor) or got.numel() != right.numel() or not got.is_floating_point():
        return False
    return bool(((got.double().flatten() - right.flatten()).abs() <= limit).all())
