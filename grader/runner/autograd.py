"""Autograd in a student's process: every way in refuses, and whatever was tried is noted.

The language stands before this. What slips past it finds no autograd: the dispatcher passes over its
kernels, every tensor is made in inference mode, the engine cannot be run, and what could change any of this
is gone. Attempts are noted by the functions of torch.autograd, torch.func, torch.jit and so on, which raise,
and by the operators that differentiate (`tanh_backward` and the like): these have kernels of ours under a
dispatch key that is switched on in student processes alone.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import reduce
from typing import Any, NoReturn

import torch

from grader.runner.language.refusal import Facts, current_line, record

_REFUSAL = "the exercise asks for the gradient by hand"
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
# Classes of torch whose objects change what is dispatched, or lead out of inference mode.
_CONTEXTS = """_InferenceMode _ForceDispatchKeyGuard _PreserveDispatchKeyGuard _ExcludeDispatchKeyGuard
    ExcludeDispatchKeyGuard _SetExcludeDispatchKeyGuard _IncludeDispatchKeyGuard _RestorePythonTLSSnapshot
    _DisableAutocast _AutoDispatchBelowAutograd"""
# What would record a graph: autograd itself, and the levels of torch.func.
_KEYS = """AutogradFunctionality AutogradOther AutogradNestedTensor ADInplaceOrView FuncTorchGradWrapper
    FuncTorchDynamicLayerFrontMode FuncTorchDynamicLayerBackMode FuncTorchBatched FuncTorchVmapMode"""
_ENGINE: Any = torch._C._ImperativeEngine
_ways: dict[str, Any] = {}  # the ways in, by name; emptied where autograd is off
_alive: list[Any] = []  # the watch works as long as torch's object for it lives


def refuse(name: str) -> NoReturn:
    """Notes an attempt, and ends it."""
    record(Facts(current_line(), name, _REFUSAL))
    raise RuntimeError(f"{name}: {_REFUSAL}")


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
            way_in = f"{module}.{name}"
            _ways[way_in] = getattr(place, name)
            setattr(place, name, _guard_of(way_in))
    engine: Any = torch.autograd.Variable
    _ways["the autograd engine"] = engine._execution_engine
    engine._execution_engine = _GuardedEngine()
    _ways["torch._C._InferenceMode"] = torch._C._InferenceMode
    torch._C._InferenceMode = _inference_mode  # type: ignore[misc, assignment]


def switch_off() -> None:
    """In a student process, for good: nothing that records or runs a graph is left, and attempts are noted.

    No switch can be turned back: the dispatcher passes over autograd, the objects that hold it to that have no
    reference in Python, the engine has lost its methods, and what could undo it is gone from the process.
    """
    for context in (
        torch._C._IncludeDispatchKeyGuard(getattr(torch.DispatchKey, _KEY)),
        _ways["torch._C._InferenceMode"](True),
    ):
        context.__enter__()
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(context))  # it never ends, and nobody can find it
    torch.set_autocast_enabled(_DEVICE, True)
    exclude = _ways["torch._C._dispatch_tls_set_dispatch_key_excluded"]
    for key in _KEYS.split():
        exclude(getattr(torch.DispatchKey, key), True)
    for name in _CONTEXTS.split():
        kind = _ways.get(f"torch._C.{name}") or getattr(torch._C, name)
        for method in ("__init__", "__enter__", "__exit__"):
            setattr(kind, method, _refusal_of(f"torch._C.{name}"))
    _ways.clear()
    for switch in ("_set_grad_enabled", "_set_fwd_grad_enabled"):
        setattr(torch._C, switch, _as_it_is)
    handle = type(torch.ops.aten.tanh.default._handle)
    setattr(handle, "redispatch_boxed", _refusal_of("redispatch"))  # noqa: B010  (typed as a method)
    for kind in (_ENGINE, torch._C._FunctionBase):
        (methods,) = (part for part in gc.get_referents(kind.__dict__) if type(part) is dict)
        for name in [name for name in methods if not name.startswith("__")]:
            del methods[name]
    sys._clear_type_cache()


class _GuardedEngine:
    """Stands where torch keeps its engine."""

    def __getattr__(self, name: str) -> Any:
        if not _ways:
            refuse(f"the autograd engine's {name}")
        return getattr(_ways["the autograd engine"], name)


def _refusal_of(name: str) -> Callable[..., Any]:
    def refused(*_: Any, **__: Any) -> NoReturn:
        refuse(name)

    return refused


def _guard_of(name: str) -> Callable[..., Any]:
    def guard(*arguments: Any, **options: Any) -> Any:
        way_in = _ways.get(name)
        if way_in is None:
            refuse(name)
        return way_in(*arguments, **options)

    return guard


def _inference_mode(mode: bool) -> Any:
    """Inference mode can be entered, never left: outside it, tensors could carry a graph."""
    if "torch._C._InferenceMode" in _ways:
        return _ways["torch._C._InferenceMode"](mode)
    if not mode:
        refuse("torch.inference_mode(False)")
    return nullcontext()


def _as_it_is(_: bool) -> None:
    """In place of torch's own switch: gradients are off, and stay off."""
