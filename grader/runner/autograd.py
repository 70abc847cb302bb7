"""Autograd in a student's process: every way in refuses, and whatever was tried is noted.

The vocabulary stands before this. What slips past it is seen here twice: by the functions of
torch.autograd, torch.func, torch.jit and so on, which raise; and below them by the dispatcher,
where the operators that differentiate (`tanh_backward` and the like) have kernels of ours under a
dispatch key that is switched on in student processes alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, NoReturn

import torch

_MOST = 16  # different things noted for one answer
_REFUSAL = "autograd is switched off here: this exercise asks for the gradient by hand"
# Tensors on a CPU pass through this key at no cost: nothing is cast but what lies on such a device. It is included
# in every dispatch once its autocast counts as enabled; PreDispatch would do as well, at half a microsecond a call.
_KEY, _DEVICE = "AutocastMPS", "mps"
_FUNCTORCH = "grad grad_and_value vjp jvp jacrev jacfwd hessian linearize vmap"
_ENTRIES = {
    "torch": "compile vmap",
    "torch.Tensor": "backward",
    "torch.autograd": "grad backward _engine_run_backward",
    "torch.autograd.graph": "_engine_run_backward",
    "torch.autograd.functional": "jacobian hessian vjp jvp hvp vhp",
    "torch.autograd.forward_ad": "make_dual enter_dual_level dual_level",
    "torch.func": _FUNCTORCH,
    "torch._functorch.apis": "grad grad_and_value vmap",
    "torch._functorch.eager_transforms": "grad_impl grad_and_value_impl vjp jvp jacrev jacfwd hessian linearize",
    "torch._functorch.vmap": "vmap_impl",
    "torch.jit": "script trace trace_module freeze load",
    "torch._C": "_ImperativeEngine _enter_dual_level",
    "torch._C._functorch": "_grad_increment_nesting _jvp_increment_nesting _vmap_increment_nesting",
}
# What would take the watch's key away.
_SWITCHES = {
    "torch": "autocast set_autocast_enabled",
    "torch.amp": "autocast",
    "torch.amp.autocast_mode": "autocast",
    "torch._C": """set_autocast_enabled _DisableAutocast ExcludeDispatchKeyGuard _ExcludeDispatchKeyGuard
        _ForceDispatchKeyGuard _PreserveDispatchKeyGuard _SetExcludeDispatchKeyGuard
        _dispatch_tls_set_dispatch_key_excluded _dispatch_tls_set_dispatch_key_included""",
}
_FORWARD_MODE = frozenset({"aten::_make_dual", "aten::_make_dual_copy"})
_inference_mode = torch._C._InferenceMode
_is_off = False  # in this process
_alive: list[Any] = []  # the watch works as long as torch's objects for it live


class Attempts:
    """What was tried of autograd since the last look."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def refuse(self, name: str) -> NoReturn:
        """Notes an attempt, and ends it."""
        if name not in self._names and len(self._names) < _MOST:
            self._names.append(name)
        raise RuntimeError(_REFUSAL)

    def take(self) -> tuple[str, ...]:
        """What was tried, and a clean page."""
        names, self._names = tuple(self._names), []
        return names


ATTEMPTS = Attempts()


def prepare() -> None:
    """Once, in the warm process: the watch is registered, under a key that is off, and every way in gets its guard.

    A guard lets all calls pass until autograd is switched off: judges, which are forked from the same
    process, need it. To put the guards in place costs too much to be done in every student process.
    """
    if _alive:
        return
    library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
    for operator in torch._C._dispatch_get_all_op_names():
        if operator.startswith("aten::") and ("backward" in operator or operator in _FORWARD_MODE):
            library.impl(operator.removeprefix("aten::"), _refusal_of(operator), _KEY)  # type: ignore[no-untyped-call]
    _alive.append(library)
    for module, names in (*_ENTRIES.items(), *_SWITCHES.items()):
        place = reduce(getattr, module.split(".")[1:], torch)
        for name in names.split():
            setattr(place, name, _guard_of(f"{module}.{name}", getattr(place, name)))
    engine: Any = torch.autograd.Variable
    engine._execution_engine = _GuardedEngine(engine._execution_engine)
    torch._C._InferenceMode = _only_on  # type: ignore[misc, assignment]


def switch_off() -> None:
    """In a student process, for good: the watch is on, and the ways into autograd refuse."""
    global _is_off
    guard: Any = torch._C._IncludeDispatchKeyGuard(getattr(torch.DispatchKey, _KEY))
    guard.__enter__()
    torch.set_autocast_enabled(_DEVICE, True)
    _alive.append(guard)
    _is_off = True


class _GuardedEngine:
    """Stands where torch keeps its engine."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        if _is_off:
            ATTEMPTS.refuse(f"the autograd engine's {name}")
        return getattr(self._engine, name)


def _refusal_of(name: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        ATTEMPTS.refuse(name)

    return refuse


def _guard_of(name: str, way_in: Callable[..., Any]) -> Callable[..., Any]:
    def guard(*arguments: Any, **options: Any) -> Any:
        if _is_off:
            ATTEMPTS.refuse(name)
        return way_in(*arguments, **options)

    return guard


def _only_on(mode: bool) -> Any:
    """Inference mode can be entered, never left: outside it, tensors could carry a graph."""
    if _is_off and not mode:
        ATTEMPTS.refuse("torch.inference_mode(False)")
    return _inference_mode(mode)
