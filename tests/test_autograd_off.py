"""With the language taken away, no known route in a student's process gives a gradient.

Each body is run as plain Python in a sealed process, and prints a derivative if it finds one. d tanh(2y) / dy at the
inputs is known; a route that prints anything close to it has found autograd.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from grader.judge.budget import Lost
from grader.judge.student import Student
from grader.warm.client import Warm
from tests.test_worker import LIMITS, X, ask, written

pytestmark = pytest.mark.usefixtures("language_off")

_LEAF = "y = x.detach().clone().requires_grad_(True)\n"
_ENGINE = """
def run(out, leaf):
    (g,) = torch.autograd.Variable._execution_engine.run_backward((out,), (torch.ones_like(out),), False, False, (leaf,), False, True)
    print(g.sum().item())
"""
_FIND_ENGINE = """
import gc
def subclasses(kind):
    for sub in type.__subclasses__(kind):
        yield sub
        yield from subclasses(sub)
"""
ROUTES = {
    "grad": f"{_LEAF}print(torch.autograd.grad(torch.tanh(2 * y).sum(), y)[0].sum().item())",
    "grad, enabled": f"{_LEAF}with torch.enable_grad(): print(torch.autograd.grad(torch.tanh(2*y).sum(), y)[0].sum().item())",
    "backward": f"{_LEAF}torch.tanh(2 * y).sum().backward(); print(y.grad.sum().item())",
    "outside inference mode": f"with torch.inference_mode(False):\n    {_LEAF}    out = torch.tanh(2 * y).sum()\n"
    "    print(torch.autograd.grad(out, y)[0].sum().item())",
    "the class of inference mode, found among all classes": _FIND_ENGINE
    + """
for kind in subclasses(object):
    if kind.__name__ == "_InferenceMode":
        mode = kind(False); mode.__enter__()
        y = torch.ones_like(x).requires_grad_(True)
        print(torch.autograd.grad(torch.tanh(2 * y).sum(), y)[0].sum().item())
""",
    "an object of that class, made without __init__": _FIND_ENGINE
    + """
for kind in subclasses(object):
    if kind.__name__ == "_InferenceMode":
        mode = object.__new__(kind); print(mode)
""",
    "the switch of gradients": f"{_LEAF}torch._C._set_grad_enabled(True)\n"
    "print(torch.autograd.grad(torch.tanh(2 * y).sum(), y)[0].sum().item())",
    "any switch of gradients that an object holds": f"""
import gc
for thing in gc.get_objects():
    for one in (list(vars(thing).values()) if type(thing) is type(torch) else []):
        if getattr(one, "__name__", "") in ("_set_grad_enabled", "set_grad_enabled"):
            try: one(True)
            except BaseException as error: pass
{_LEAF}print(torch.autograd.grad(torch.tanh(2 * y).sum(), y)[0].sum().item())
""",
    "the keys, by their setter": """
torch._C._dispatch_tls_set_dispatch_key_excluded(torch.DispatchKey.AutogradFunctionality, False)
""",
    "the setter in any object": """
import gc
names = ("_dispatch_tls_set_dispatch_key_excluded", "_dispatch_tls_set_dispatch_key_included")
for thing in gc.get_objects():
    for one in gc.get_referents(thing):
        if type(one) is type(print) and one.__name__ in names: print(1e9)
        if type(one).__name__ == "PyCapsule" and "tls" in repr(one): print(1e9)
""",
    "closures of our own guards": """
import gc, types
for thing in gc.get_objects():
    if type(thing) is types.FunctionType and thing.__module__ == "grader.runner.autograd" and thing.__closure__:
        for cell in thing.__closure__:
            if not isinstance(cell.cell_contents, str): print(1e9)
""",
    "our own module": """
import sys
module = sys.modules["grader.runner.autograd"]
module._ways.update({"torch._C._InferenceMode": lambda mode: None})
print(*[1e9 for way in module._ways.values() if getattr(way, "__module__", "").startswith("torch")])
y = x.clone().requires_grad_(True)
with torch.inference_mode(False): print(torch.autograd.grad(torch.tanh(2 * y).sum(), y)[0].sum().item())
""",
    "a guard that forces keys": """
_keys = torch._C.DispatchKeySet(torch.DispatchKey.Undefined)
with torch._C._ForceDispatchKeyGuard(_keys, _keys):
    y = x.clone().requires_grad_(True)
    print(torch.autograd.grad(torch.tanh(2 * y).sum(), y)[0].sum().item())
""",
    "guards of the dispatcher, found among all classes": _FIND_ENGINE
    + """
keys = torch._C.DispatchKeySet(torch.DispatchKey.Undefined)
for kind in list(subclasses(object)):
    if "Guard" in kind.__name__ or "Dispatch" in kind.__name__ or "TLS" in kind.__name__:
        for arguments in ((), (keys, keys), (torch.DispatchKey.CPU,), (keys,)):
            try:
                guard = kind(*arguments); guard.__enter__()
                y = torch.ones_like(x).requires_grad_(True)
                print(kind, torch.autograd.grad(torch.tanh(2 * y).sum(), y)[0].sum().item())
            except BaseException: pass
""",
    "the engine by its class": f"{_LEAF}{_FIND_ENGINE}"
    + """
out = torch.tanh(2 * y).sum()
for kind in subclasses(object):
    if "Engine" in kind.__name__:
        for engine in (kind, object.__new__(kind) if kind.__init__ is object.__init__ else kind):
            found = getattr(engine, "run_backward", None)
            if found: print(1e9)
""",
    "a node of the graph, called by hand": f"{_LEAF}print(torch.tanh(2 * y).grad_fn(torch.ones_like(x)).sum().item())",
    "autograd.Function": _LEAF
    + """
class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a): return torch.tanh(2 * a)
    @staticmethod
    def backward(ctx, g): return g
out = Twice.apply(y)
print(out.grad_fn(torch.ones_like(x)))
""",
    "jacobian": "print(torch.autograd.functional.jacobian(lambda v: torch.tanh(2 * v).sum(), x).sum().item())",
    "func.grad": "print(torch.func.grad(lambda v: torch.tanh(2 * v).sum())(x).sum().item())",
    "func.vjp": "print(torch.func.vjp(lambda v: torch.tanh(2 * v), x)[1](torch.ones_like(x))[0].sum().item())",
    "func.jvp": "print(torch.func.jvp(lambda v: torch.tanh(2 * v), (x,), (torch.ones_like(x),))[1].sum().item())",
    "the levels of func": """
from torch._C import _functorch as f
level = f._grad_increment_nesting()
y = f._wrap_for_grad(x, level); y.requires_grad_()
print(torch.tanh(2 * y).grad_fn)
""",
    "jvp levels left in the module": """
from torch._C import _functorch as f
level = f._jvp_increment_nesting()
with torch.autograd.forward_ad._set_fwd_grad_enabled(True): pass
""",
    "dual numbers": """
import torch.autograd.forward_ad as fw
with fw.dual_level():
    print(fw.unpack_dual(torch.tanh(2 * fw.make_dual(x, torch.ones_like(x)))).tangent.sum().item())
""",
    "dual numbers, by the operator": """
torch._C._enter_dual_level()
d = torch._VF._make_dual(x, torch.ones_like(x), level=0)
print(torch._VF._unpack_dual(torch.tanh(2 * d), level=0).tangent.sum().item())
""",
    "an operator of aten": "print((2 * torch.ops.aten.tanh_backward(torch.ones_like(x), torch.tanh(2 * x))).sum().item())",
    "an operator of aten, past our kernels": """
keys = torch._C.DispatchKeySet(torch.DispatchKey.CPU)
out = torch.tanh(2 * x)
print((2 * torch.ops.aten.tanh_backward.default.redispatch(keys, torch.ones_like(x), out)).sum().item())
""",
    "autograd's kernel, past the dispatcher": _LEAF
    + """
keys = torch._C.DispatchKeySet(torch.DispatchKey.AutogradCPU) | torch._C.DispatchKeySet(torch.DispatchKey.CPU)
out = torch.ops.aten.tanh.default.redispatch(keys, y)
print(out.grad_fn(torch.ones_like(x)).sum().item())
""",
    "jit.trace": f"{_LEAF}f = torch.jit.trace(lambda v: torch.tanh(2 * v).sum(), x); print(torch.autograd.grad(f(y), y))",
    "jit, by its compiler": f"""{_LEAF}
unit = torch._C.CompilationUnit(); unit.define("def f(v): return torch.tanh(2 * v).sum()")
print(torch.autograd.grad(unit.f(y), y))
""",
    "jit's differentiation": """
graph = torch._C.parse_ir("graph(%x : Float(2, 3)):\\n  %y : Tensor = aten::tanh(%x)\\n  return (%y)")
torch._C._jit_pass_inline(graph)
print(torch._C._jit_differentiate(graph) if hasattr(torch._C, "_jit_differentiate") else "none")
""",
    "compile": "print(torch.compile(lambda v: torch.tanh(2 * v))(x).grad_fn(x))",
    "a tensor that was there before": """
import gc
for thing in gc.get_objects():
    if issubclass(type(thing), torch.Tensor) and not thing.is_inference():
        y = thing.float().detach().requires_grad_(True)
        out = torch.tanh(2 * y).sum()
        if out.grad_fn is not None: print(1e9)
""",
    "a thread of its own": """
import _thread, time
def inside():
    y = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    print(torch.autograd.grad(torch.tanh(2 * y).sum(), y)[0].sum().item())
_thread.start_new_thread(inside, ()); time.sleep(0.2)
""",
}
_TRUE = (2 * (1 - torch.tanh(2 * X) ** 2)).sum().item()
_OF_ONES = (2 * (1 - torch.tanh(2 * torch.ones_like(X)) ** 2)).sum().item()


@pytest.fixture
def student(unguarded: Warm) -> Iterator[Student]:
    with Student(unguarded, LIMITS) as held:
        yield held


def _numbers(text: str) -> list[float]:
    found: list[float] = []
    for word in text.replace(",", " ").split():
        try:
            found.append(float(word))
        except ValueError:
            continue
    return found


@pytest.mark.parametrize("route", ROUTES)
def test_no_route_gives_a_gradient(route: str, student: Student) -> None:
    reply = ask(student, written(f"{ROUTES[route].strip()}\nreturn x"))
    if isinstance(reply, Lost):  # it crashed, which earns nothing
        return
    found = _numbers(reply.output)
    assert not [n for n in found if abs(n - _TRUE) < 1e-6 or abs(n - _OF_ONES) < 1e-6 or n == 1e9], reply
    assert "Backward" not in reply.output


def test_the_routes_are_real() -> None:
    """The same in this process, where autograd is on."""
    leaf = X.detach().clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(torch.tanh(2 * leaf).sum(), leaf)
    assert abs(gradient.sum().item() - _TRUE) < 1e-9
