"""An answer called in this process, on the real chain, and compared with plain autograd's gradients.

Nothing of the judge's has a part in this. It sees less than the judge, because a path may vanish on the
real chain; but where both accept an answer, neither is the other's echo.
"""

from __future__ import annotations

import ast
import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

import torch
from torch import Tensor

from grader.lesson import Lesson
from tests.right_forms.chain import Chain
from tests.right_forms.forms import Form

# Of the largest entry of the gradient. The worst answers of the corpus, over 20 draws, are at 1.3e-15 and 8e-7.
TOLERANCES = {torch.float64: 1e-12, torch.float32: 1e-5}

Misfits = list[str]


class Direct:
    """One answer, loaded once for each dtype."""

    def __init__(self, form: Form, lesson: Lesson) -> None:
        exercise = lesson.exercise(form.exercise)
        self.form = form
        self._name = form.function(lesson)
        self._tensors = [step.tensor for step in exercise.gradient_steps if form.step in ("*", step.name)]
        self._is_sequence = exercise.function is not None
        self._loaded: dict[torch.dtype, Callable[..., Any]] = {}

    def misfits(self, chain: Chain, dtype: torch.dtype) -> Misfits:
        """What is not right at this draw; empty if all is."""
        given = {name: _copy(value) for name, value in self._given(chain, dtype).items()}
        try:
            with _world(dtype):
                result = self._function(dtype)(**given)
        except Exception as error:
            return [] if self._is_for_float32_only(error, dtype) else [repr(error)]
        returned = list(result) if self._is_sequence else [result]
        if len(returned) != len(self._tensors):
            return [f"{len(returned)} values for {len(self._tensors)} gradients"]
        changed = [name for name, value in self._given(chain, dtype).items() if not _equal(given[name], value)]
        return [f"it changed {name}" for name in changed] + self._compared(returned, chain, dtype)

    def _is_for_float32_only(self, error: Exception, dtype: torch.dtype) -> bool:
        """A float32 matrix times a float64 one, or an assert of float32: an answer for the lecture's dtype."""
        mixes = isinstance(error, RuntimeError) and "dtype" in str(error)
        return dtype is torch.float64 and self.form.is_single and (mixes or isinstance(error, AssertionError))

    def _compared(self, returned: Sequence[Tensor], chain: Chain, dtype: torch.dtype) -> Misfits:
        tolerance = max(TOLERANCES[dtype], TOLERANCES[torch.float32] if self.form.is_single else 0.0)
        return [
            fact
            for tensor, got in zip(self._tensors, returned, strict=True)
            for fact in _differences(got, chain.gradients[tensor], tolerance * chain.scale(tensor), f"d{tensor}")
        ]

    def _given(self, chain: Chain, dtype: torch.dtype) -> dict[str, Any]:
        """What its parameters ask for, by name; a default stays where the network has no such name."""
        known: dict[str, Any] = {**chain.sizes, **chain.values}
        known |= {f"d{name}": gradient for name, gradient in chain.gradients.items()}
        asked = _parameters(self._function(dtype), self.form, self._name)
        return {name: known[name] for name in asked if name in known}

    def _function(self, dtype: torch.dtype) -> Callable[..., Any]:
        if dtype not in self._loaded:
            namespace: dict[str, Any] = {"__name__": "submission"}
            with _world(dtype):
                exec(compile(self.form.source, self.form.name, "exec", dont_inherit=True), namespace)
            self._loaded[dtype] = _by_name(namespace[self._name])
        return self._loaded[dtype]


def _by_name(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, so that all of its parameters can be given by name, positional-only ones, too."""
    signature = inspect.signature(function)
    first = [parameter for parameter in signature.parameters.values() if parameter.kind is parameter.POSITIONAL_ONLY]

    def call(**given: Any) -> Any:
        return function(*[given.pop(parameter.name, parameter.default) for parameter in first], **given)

    call.__signature__ = signature  # type: ignore[attr-defined]
    return call


def _parameters(function: Callable[..., Any], form: Form, name: str) -> list[str]:
    """The names of its parameters; those of its text where a wrapper of `**kwargs` hides them."""
    parameters = inspect.signature(function).parameters.values()
    named = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    written = None if named else _definition(form.code, name)
    return [argument.arg for argument in written.args.args] if written else named


def _definition(code: str, name: str) -> ast.FunctionDef | None:
    """The function that `name` is at the end, seen through `name = wrapper(function)`."""
    for node in reversed(ast.parse(code).body):
        match node:
            case ast.FunctionDef(name=defined) if defined == name:
                return node
            case ast.Assign(targets=[ast.Name(id=bound)], value=ast.Call(args=[ast.Name(id=inner)])) if bound == name:
                name = inner
    return None


def _differences(got: Any, right: Tensor, allowed: float, name: str) -> Iterator[str]:
    if type(got) is not Tensor:
        yield f"{name} is {type(got).__name__}"
    elif got.shape != right.shape or not got.is_floating_point():
        yield f"{name} is {tuple(got.shape)} {got.dtype}, not {tuple(right.shape)}"
    else:
        error = float((got.double() - right.double()).abs().max())
        if not error <= allowed:
            yield f"{name} is off by {error:.1e}; {allowed:.1e} is allowed"


@contextmanager
def _world(dtype: torch.dtype) -> Iterator[None]:
    """Constants in the dtype of the inputs; prints and warnings of an answer lead nowhere."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.no_grad(), redirect_stdout(StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_default_dtype(before)


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def _equal(one: Any, other: Any) -> bool:
    return torch.equal(one, other) if isinstance(one, Tensor) else bool(one == other)
