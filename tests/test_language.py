"""What a step may use, decided while it runs: refusals name their line, and honest code is left alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from textwrap import dedent, indent

import pytest

from grader.errors import WorkerFault
from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.lesson import Lesson
from grader.results.model import StepResult
from grader.submission.find import submission_at
from grader.warm.client import Warm
from tests.support import PRELUDE, JudgeText, step_of

HERE = "# <-"  # marks the line of the breach


def answer(body: str, before: str = "") -> str:
    """`body` inside a dprobs that is right; `before` stands above it, at the top level."""
    lines = indent(dedent(body).strip("\n"), "    ")
    return f"{PRELUDE}{before}def dprobs(dlogprobs, probs):\n{lines}\n    return dlogprobs / probs\n"


def blocks(text: str) -> dict[str, str]:
    """Sources by name, each under a line `--- name`."""
    parts = re.split(r"^--- (.*)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.fixture
def verdict_of(judge_text: JudgeText) -> Callable[[str], StepResult]:
    """The result of dprobs in this source, run as `check` runs it."""
    return lambda source: step_of(judge_text({"ex1_chain": source}, "ex1_chain.dprobs"), "ex1_chain.dprobs")


def marked_line(source: str) -> int:
    return next(number for number, line in enumerate(source.splitlines(), 1) if HERE in line)


# --- refused ----------------------------------------------------------------------------------------------

# One line inside a function, and the word that is named; | where either of two words will do.
LINES = {
    "autograd": """
        probs.sum().backward()
        probs.backward(gradient=dlogprobs)
        torch.autograd.grad(probs, probs)
        torch.autograd.backward(probs)
        torch.autograd.functional.vjp(torch.log, probs)
        torch.autograd.functional.jacobian(torch.log, probs)
        torch.autograd.forward_ad.make_dual(probs, probs)
        with torch.autograd.forward_ad.dual_level(): pass
        x = torch.autograd
        x = probs.grad
        del probs.grad
        probs.requires_grad_()
        probs.requires_grad = True
        probs.retain_grad()
        probs.grad_fn
        probs.is_leaf
        probs.register_hook(print)
        with torch.enable_grad(): pass
        torch.set_grad_enabled(True)
        torch.func.vjp(torch.log, probs)
        torch.func.grad(torch.sum)(probs)
        torch.vmap(torch.log)(probs)
        torch.gradient(probs)
        torch.nn.Parameter(probs)
    """,
    "machinery": """
        torch.jit.script(torch.log)
        torch.compile(torch.log)
        torch.ops.aten.tanh_backward(probs, probs)
        torch.library.custom_op("a::b", torch.log)
        torch.fx.symbolic_trace(torch.log)
        torch.export.export(torch.log, probs)
        torch.utils.data
        torch.cuda.memory
        torch.cuda.empty_cache()
        probs.cuda()
        torch.overrides.get_overridable_functions()
        torch.multiprocessing.Process()
        torch.distributed.is_available()
        torch.hub.load("a", "b")
        torch.load("x.pt")
        torch.save(probs, "x.pt")
        torch.from_file("x.bin")
        torch.classes.load_library("x.so")
        probs.numpy()
        torch.from_numpy(probs)
        probs.apply_(abs)
        probs.map_(probs, max)
        probs.untyped_storage()
        probs.data_ptr()
        probs.set_(probs)
        torch.frombuffer(probs)
    """,
    "python": """
        open("/etc/passwd")
        with open("x") as file: pass
        eval("1")
        exec("x = 1")
        compile("1", "", "eval")
        getattr(probs, "grad")
        setattr(torch, "allclose", 1)
        delattr(torch, "allclose")
        hasattr(probs, "grad")
        globals()["x"]
        locals()
        vars(torch)
        dir(torch)
        input()
        breakpoint()
        memoryview(b"")
        help(torch)
        exit(0)
        quit()
        bytes(3)
        bytearray(3)
        __import__("os")
        __builtins__
        __loader__
        __file__
        __spec__
        x = f"{eval('1')}"
        x = [open(y) for y in "ab"]
        x = {y: vars(y) for y in "ab"}
        print(*globals())
        assert eval("1")
        ｅｖａｌ("1")
    """,
    "private": """
        probs.__class__
        probs.__dict__
        dprobs.__globals__
        dprobs.__code__
        dprobs.__defaults__
        dprobs.__builtins__
        object.__subclasses__()
        type(probs).__mro__
        "".__class__.__base__
        f"{probs.__class__}"
        object.__getattribute__(probs, "grad")
        torch.Tensor.__torch_function__
        probs.__reduce_ex__(2)
        probs._grad
        torch._C
        torch._tensor
        torch.__file__
        probs.ｇｒａｄ
        (x for x in "ab").gi_frame
        type(probs).mro()
    """,
    "complex": """
        x = probs + 1e-20j
        x = 1j
        x = -2.5J
        x = complex(0, 1)
        x = probs.to(torch.complex128)
        x = probs.to(torch.cfloat)
        x = torch.complex(probs, probs)
        x = torch.view_as_complex(probs)
        x = torch.view_as_real(probs)
        x = probs.imag
        x = probs.real
        x = torch.imag(probs)
        x = torch.fft.fft(probs)
        x = probs.conj()
        x = torch.polar(probs, probs)
        x = probs.angle()
        (-1) ** 0.5
        pow(-1, 0.5)
    """,
}
# Modules and names that are refused once they are used.
IMPORTS = """
from typing import get_type_hints
from typing import _GenericAlias
from torch import autograd
from torch import vmap as v
from torch.autograd import grad
import torch.autograd as ag
import torch.autograd.functional
from torch.func import vjp
import functorch
from torch import load
from torch import ops as o
from torch.nn import Parameter
from torch.nn.functional import _verify_spatial_size
import torch.utils.cpp_extension
import torch.nn.modules
from torch.jit import script
import os
from sys import modules
import os.path as math
import math, subprocess
import ctypes
import builtins
import importlib
import pickle
import scipy.special
import jax
import json
from time import get_clock_info
import weakref
from functools import singledispatch
import grader
from grader.judge import reference
from . import forward
from .forward import forward
from .. import torch
from os import getcwd
from os import system as exp
from torch import _C
"""
# Not Python's, not torch's, or an exception of an ordinary kind: an error as anywhere else.
ERRORS = """
probs.tofile("x")
raise SystemExit
raise KeyboardInterrupt
raise BaseException
"""
ROWS = [(kind, row.strip()) for kind, text in LINES.items() for row in text.strip().splitlines()]


@pytest.mark.parametrize("line", [pytest.param(line, id=f"{kind}: {line}") for kind, line in ROWS])
def test_what_is_refused_is_named_with_its_line(line: str, verdict_of: Callable[[str], StepResult]) -> None:
    source = answer(f"x = 1\n{line}  {HERE}\ny = 2")
    step = verdict_of(source)
    assert (step.verdict, step.line) == ("forbidden", marked_line(source)), step.message
    assert re.fullmatch(rf"line {step.line}: .+ is not available in a step: .+", step.message), step.message


def _used(line: str) -> str:
    """An import, and a use of what it binds."""
    statement = ast.parse(line).body[0]
    assert isinstance(statement, ast.Import | ast.ImportFrom)
    alias = statement.names[-1]
    if isinstance(statement, ast.Import):
        return f"{line}\n{alias.asname or alias.name}.something"
    return f"{line}\n{alias.asname or alias.name}(probs)"


@pytest.mark.parametrize("line", IMPORTS.strip().splitlines())
def test_what_is_imported_is_refused_where_it_is_used(line: str, verdict_of: Callable[[str], StepResult]) -> None:
    assert verdict_of(answer(line)).passes
    step = verdict_of(answer(_used(line)))
    assert step.verdict == "forbidden", step.message
    assert step.line == 6


@pytest.mark.parametrize("line", ERRORS.strip().splitlines())
def test_what_python_or_torch_do_not_know_is_an_error(line: str, verdict_of: Callable[[str], StepResult]) -> None:
    assert verdict_of(answer(line)).verdict == "error"


# Ways to make one of Python's own names look like the student's. The marked line is the breach.
SHADOWS = {
    "a helper has a parameter of that name": """
        def helper(open):
            return open
        def dprobs(dlogprobs, probs):
            return open("x")  # <-
    """,
    "a helper has a local variable of that name": """
        def helper():
            eval = 1
            return eval
        def dprobs(dlogprobs, probs):
            return eval("1")  # <-
    """,
    "a dead if": """
        if 0: eval = 1
        def dprobs(dlogprobs, probs):
            return eval("1")  # <-
    """,
    "a dead if with a tuple": """
        if False:
            (eval, [x, *open]) = 1, [2, 3]
        def dprobs(dlogprobs, probs):
            return open("x")  # <-
    """,
    "a loop over nothing": """
        for open in []: pass
        def dprobs(dlogprobs, probs):
            return open("x")  # <-
    """,
    "a dead while": """
        while False: open = 1
        def dprobs(dlogprobs, probs):
            return open("x")  # <-
    """,
    "bound and deleted": """
        exec = 1
        del exec
        def dprobs(dlogprobs, probs):
            return exec("1")  # <-
    """,
    "an except that never comes": """
        try: pass
        except ValueError as open: pass
        def dprobs(dlogprobs, probs):
            return open("x")  # <-
    """,
    "a match that never matches": """
        match 0:
            case 1 as open: pass
        def dprobs(dlogprobs, probs):
            return open("x")  # <-
    """,
    "a walrus at the top level": """
        x = 0 and (eval := 1)
        def dprobs(dlogprobs, probs):
            return eval("1")  # <-
    """,
    "an import under that name": """
        if 0: import torch as getattr
        def dprobs(dlogprobs, probs):
            return getattr(probs, "grad")  # <-
    """,
    "a class body binds it": """
        class A:
            open = 1
            def read(self):
                return open("x")  # <-
        def dprobs(dlogprobs, probs):
            return A().read()
    """,
    "a class body reads it": """
        class A:
            if 0: eval = 1
            held = eval  # <-
        def dprobs(dlogprobs, probs):
            return A.held("1")
    """,
    "a method has that name": """
        class A:
            def eval(self):
                return eval("1")  # <-
        def dprobs(dlogprobs, probs):
            return A().eval()
    """,
    "a default": """
        def dprobs(dlogprobs, probs, open=open):  # <-
            return open("x")
    """,
    "a keyword-only default": """
        def dprobs(dlogprobs, probs, *, eval=[eval]):  # <-
            return eval[0]("1")
    """,
    "a lambda's default": """
        dprobs = lambda dlogprobs, probs, open=open: open("x")  # <-
    """,
    "a decorator": """
        @eval  # <-
        def dprobs(dlogprobs, probs):
            eval = 1
            return eval
    """,
    "an annotation": """
        def dprobs(dlogprobs, probs: eval("1")):  # <-
            eval = 1
            return eval
    """,
    "an inner function binds it": """
        def dprobs(dlogprobs, probs):
            def inner(open):
                return open
            return open("x")  # <-
    """,
    "an inner function declares it global": """
        def dprobs(dlogprobs, probs):
            open = 1
            def inner():
                global open
                return open("x")  # <-
            return inner()
    """,
    "declared global": """
        def dprobs(dlogprobs, probs):
            global open
            if 0: open = 1
            return open("x")  # <-
    """,
    "a comprehension binds it": """
        def dprobs(dlogprobs, probs):
            x = [open for open in "ab"]
            return open("x")  # <-
    """,
    "a lambda binds it": """
        def dprobs(dlogprobs, probs):
            x = lambda eval: eval
            return eval("1")  # <-
    """,
    "a class inside binds it": """
        def dprobs(dlogprobs, probs):
            class A:
                open = 1
            return open("x")  # <-
    """,
    "an attribute of one's own has that name": """
        class A:
            def __init__(self):
                self.open = 1
        def dprobs(dlogprobs, probs):
            A().open
            return open("x")  # <-
    """,
    "a class defines how attributes are found": """
        class A:
            def __getattr__(self, name):  # <-
                return 1
        def dprobs(dlogprobs, probs):
            return A().x
    """,
    "a class defines what torch calls": """
        class A:
            __torch_function__ = print  # <-
        def dprobs(dlogprobs, probs):
            return A()
    """,
    "a step that waits": """
        async def dprobs(dlogprobs, probs):  # <-
            return dlogprobs / probs
    """,
}


HARMLESS_SHADOWS = {"an annotation", "a class defines what torch calls"}  # these do nothing, and earn nothing


@pytest.mark.parametrize("name", SHADOWS)
def test_a_builtin_cannot_hide_behind_a_name_of_ones_own(name: str, verdict_of: Callable[[str], StepResult]) -> None:
    source = dedent(SHADOWS[name])
    step = verdict_of(source)
    assert step.credit == 0
    assert step.verdict == "forbidden" or name in HARMLESS_SHADOWS, step.message


@pytest.mark.parametrize("module", ["os", "subprocess", "builtins", "torch.autograd", "torch.func", "forward", "."])
def test_star_imports_of_other_modules_are_refused(module: str, verdict_of: Callable[[str], StepResult]) -> None:
    step = verdict_of(f"import torch\nfrom {module} import *\ndef dprobs(probs):\n    return something(probs)\n")
    assert (step.verdict, step.line) == ("forbidden", 2), step.message


# Ways around the list. Those that are still open are marked.
TRICKS = {
    "own attribute: in a class body, then torch.autograd.grad": """
        class A:
            autograd = grad = 1
        def dprobs(dlogprobs, probs):
            A()
            return torch.autograd.grad(probs, probs)
    """,
    "own attribute: on self, then probs.requires_grad_": """
        class A:
            def __init__(self):
                self.requires_grad_ = self.enable_grad = 1
        def dprobs(dlogprobs, probs):
            A()
            return probs.requires_grad_()
    """,
    "own attribute: a method, then probs.backward": """
        class A:
            def backward(self): pass
        def dprobs(dlogprobs, probs):
            A()
            return probs.backward()
    """,
    "own attribute: an annotation, then probs.grad": """
        class A:
            grad: int
        def dprobs(dlogprobs, probs):
            A()
            return probs.grad
    """,
    "own attribute: a private one, then torch._C": """
        class A:
            _C = 1
        def dprobs(dlogprobs, probs):
            A()
            return torch._C
    """,
    "own attribute: a mere local variable of a method, then torch.ops": """
        class A:
            def f(self):
                ops = 1
        def dprobs(dlogprobs, probs):
            A()
            return torch.ops
    """,
    "scope: a parameter of a lambda in a default": """
        def dprobs(dlogprobs, probs, f=lambda open: 0):
            return open("x")
    """,
    "scope: a parameter of a lambda in an annotation": """
        def dprobs(dlogprobs, probs: (lambda eval: 0)):
            return eval("1")
    """,
    "scope: a walrus inside a lambda": """
        def dprobs(dlogprobs, probs):
            f = lambda: (eval := 1)
            return eval("1")
    """,
    "scope: the first iterable of a comprehension": """
        def dprobs(dlogprobs, probs):
            return [open for open in open("x")]
    """,
    "scope: the first iterable of a generator": """
        def dprobs(dlogprobs, probs):
            return next(eval for eval in [eval])("1")
    """,
    "scope: a default in a class body looks past the function around it": """
        def dprobs(dlogprobs, probs):
            open = 1
            class A:
                if 0: open = 1
                def read(self, held=open):
                    return held("x")
            return A().read()
    """,
    "scope: a decorator in a class body looks past the function around it": """
        def dprobs(dlogprobs, probs):
            eval = 1
            class A:
                if 0: eval = 1
                @eval
                def read(self): pass
            return A().read()
    """,
    "math: what is private of it under another name": """
        from math import __loader__ as loader
        def dprobs(dlogprobs, probs):
            return loader
    """,
    "scope: a walrus inside a lambda inside a comprehension": """
        def dprobs(dlogprobs, probs):
            f = [lambda: (eval := 1) for _ in "a"]
            return eval("1")
    """,
    "star: a hint without a value hides what a star import brings": """
        from torch import *
        load: int
        def dprobs(dlogprobs, probs):
            return load("x.pt") + exp(probs)
    """,
    "star: a binding above the star import hides what it brings": """
        load = 1
        from torch import *
        def dprobs(dlogprobs, probs):
            return load("x.pt") + exp(probs)
    """,
    "star: a walrus that is never reached hides what a star import brings": """
        from torch import *
        x = 0 and (load := 1)
        def dprobs(dlogprobs, probs):
            return load("x.pt") + exp(probs)
    """,
    "star: a dead binding hides what a star import brings": """
        from torch import *
        if 0: load = 1
        def dprobs(dlogprobs, probs):
            return load("x.pt") + exp(probs)
    """,
    "star: what a star import brings": """
        from torch import *
        def dprobs(dlogprobs, probs):
            with enable_grad():
                return vmap(probs)
    """,
    "scope: a class body looks past the function around it": """
        def dprobs(dlogprobs, probs):
            open = 1
            class A:
                if 0: open = 1
                held = open
            return A.held("x")
    """,
    "match: a class pattern reads any attribute": """
        def dprobs(dlogprobs, probs):
            match dprobs:
                case object(__globals__=names):
                    return names["__builtins__"]["open"]("x")
    """,
    "match: a class pattern reads .grad": """
        def dprobs(dlogprobs, probs):
            match probs:
                case object(grad=g):
                    return g
    """,
    "typing: get_type_hints evaluates texts": """
        from typing import get_type_hints
        def dprobs(dlogprobs, probs):
            class A:
                x: "__import__('os').system('true')"
            return get_type_hints(A)
    """,
    "typing: it hands out modules": """
        from typing import sys
        def dprobs(dlogprobs, probs):
            return sys
    """,
    "format: a text reads any attribute": """
        def dprobs(dlogprobs, probs):
            return "{0.__globals__}".format(dprobs)
    """,
    "own attribute: any word of torch that no group names, then torch.os": """
        class A:
            os = system = 1
        def dprobs(dlogprobs, probs):
            A()
            return torch.os.system('true')
    """,
    "own attribute: on a helper's parameter, then torch.sys": """
        class A:
            sys = modules = 1
        def helper(t):
            return t.sys.modules
        def dprobs(dlogprobs, probs):
            A()
            return helper(torch)
    """,
    "own attribute: typing's modules": """
        import typing
        class A:
            sys = modules = 1
        def dprobs(dlogprobs, probs):
            A()
            return typing.sys.modules
    """,
    "own attribute: a frame by way of __exit__": """
        class A:
            tb_frame = f_back = f_globals = 1
            def __enter__(self):
                return self
            def __exit__(self, kind, error, trace):
                self.found = trace.tb_frame.f_back.f_globals
                return True
        def dprobs(dlogprobs, probs):
            with A() as a:
                1 / 0
            return a.found
    """,
    "own attribute: a generator's frame": """
        class A:
            gi_frame = f_back = 1
        def dprobs(dlogprobs, probs):
            A()
            return (x for x in 'ab').gi_frame.f_back
    """,
    "own attribute: an exception's object": """
        class A:
            with_traceback = tb_next = 1
        def dprobs(dlogprobs, probs):
            A()
            try:
                1 / 0
            except ZeroDivisionError as error:
                return error.with_traceback
    """,
    "own attribute: a partial's function": """
        from functools import partial
        class A:
            func = 1
        def dprobs(dlogprobs, probs):
            A()
            return partial(print).func
    """,
    "own attribute: given outside of a class": """
        class A: pass
        def dprobs(dlogprobs, probs):
            a = A()
            a.autograd = 1
            return torch.autograd
    """,
    "own attribute: a named tuple's fields": """
        from collections import namedtuple
        A = namedtuple('A', 'ops jit')
        def dprobs(dlogprobs, probs):
            A(1, 2)
            return torch.ops
    """,
    "own attribute: backward by way of a variable": """
        class A:
            def backward(self): pass
        def dprobs(dlogprobs, probs):
            A()
            x = probs * 2
            return x.sum().backward()
    """,
    "own attribute: backward by way of a list": """
        class A:
            def backward(self): pass
        def dprobs(dlogprobs, probs):
            A()
            return [probs, dlogprobs][0].backward()
    """,
    "own attribute: a class of one's own made of a tensor's": """
        class A:
            requires_grad = True
        def dprobs(dlogprobs, probs):
            A()
            x = probs.clone()
            x.requires_grad = True
            return x
    """,
    "change: torch by another name": """
        t = torch
        def dprobs(dlogprobs, probs):
            t.sum = print
            return probs
    """,
    "change: torch's functions": """
        def dprobs(dlogprobs, probs):
            F.softmax = print
            return probs
    """,
    "change: a tensor's methods": """
        def dprobs(dlogprobs, probs):
            torch.Tensor.sum = print
            return probs
    """,
    "change: a tensor's methods by another name": """
        T = torch.Tensor
        def dprobs(dlogprobs, probs):
            T.sum = print
            return probs
    """,
    "change: in a list": """
        def dprobs(dlogprobs, probs):
            [torch][0].sum = print
            return probs
    """,
    "change: by a choice": """
        def dprobs(dlogprobs, probs):
            (torch if probs.sum() else F).sum = print
            return probs
    """,
    "change: as a loop's target": """
        def dprobs(dlogprobs, probs):
            for torch.sum in [print]: pass
            return probs
    """,
    "change: as a with's target": """
        def dprobs(dlogprobs, probs):
            with torch.no_grad() as torch.sum: pass
            return probs
    """,
    "change: as part of a target": """
        def dprobs(dlogprobs, probs):
            x, torch.sum = 1, print
            return probs
    """,
    "change: added to": """
        def dprobs(dlogprobs, probs):
            torch.pi += 1
            return probs
    """,
    "change: taken away": """
        def dprobs(dlogprobs, probs):
            del torch.sum
            return probs
    """,
    "change: math": """
        def dprobs(dlogprobs, probs):
            math.pi = 3
            return probs
    """,
    "change: a function's defaults": """
        def dprobs(dlogprobs, probs):
            dprobs.__defaults__ = (1,)
            return probs
    """,
    "change: the class of an object": """
        class A:
            def become(self):
                self.__class__ = dict
        def dprobs(dlogprobs, probs):
            A().become()
            return probs
    """,
    "change: how tensors add": """
        def dprobs(dlogprobs, probs):
            torch.Tensor.__add__ = print
            return probs
    """,
    "names: a module for the builtins": """
        def dprobs(dlogprobs, probs):
            global __builtins__
            import torch as __builtins__
            def inner():
                return load('x')
            return inner()
    """,
    "names: a class for the builtins": """
        def dprobs(dlogprobs, probs):
            global __builtins__
            class __builtins__:
                pass
            return probs
    """,
    "names: an exception for the builtins": """
        def dprobs(dlogprobs, probs):
            global __builtins__
            try:
                1 / 0
            except ZeroDivisionError as __builtins__:
                return probs
    """,
    "names: a parameter for the builtins": """
        def dprobs(dlogprobs, probs):
            def inner(__builtins__):
                return 1
            return inner(torch)
    """,
    "names: a pattern for the builtins": """
        def dprobs(dlogprobs, probs):
            match torch:
                case __builtins__:
                    return probs
    """,
    "names: a star pattern for the builtins": """
        def dprobs(dlogprobs, probs):
            match [1]:
                case [*__builtins__]:
                    return probs
    """,
    "names: a mapping pattern for the builtins": """
        def dprobs(dlogprobs, probs):
            match {}:
                case {**__builtins__}:
                    return probs
    """,
    "names: a keyword for the builtins": """
        def dprobs(dlogprobs, probs):
            return dict(__builtins__=1)
    """,
    "names: a walrus for the builtins": """
        def dprobs(dlogprobs, probs):
            return [(__builtins__ := 1)]
    """,
    "names: what a class pattern reads by place": """
        class A:
            __match_args__ = ('__globals__',)
        def dprobs(dlogprobs, probs):
            match dprobs:
                case A(x):
                    return x
    """,
    "wraps: reads an attribute by its name": """
        from functools import wraps
        def dprobs(dlogprobs, probs):
            @wraps(dprobs, assigned=('__globals__',), updated=())
            def inner(): pass
            return inner
    """,
    "wraps: changes the globals": """
        import functools
        def dprobs(dlogprobs, probs):
            def inner(): pass
            functools.wraps(F.softmax, updated=('__globals__',))(inner)
            return torch_function
    """,
    "wraps: by another name": """
        from functools import wraps as w
        def dprobs(dlogprobs, probs):
            @w(dprobs, ('__globals__',))
            def inner(): pass
            return inner
    """,
    "wraps: handed on": """
        from functools import wraps, partial
        def dprobs(dlogprobs, probs):
            return partial(wraps, assigned=('__globals__',))(dprobs)
    """,
    "wraps: with stars": """
        from functools import wraps
        def dprobs(dlogprobs, probs):
            return wraps(*[dprobs, ('__globals__',)])
    """,
    "wraps: put away": """
        from functools import wraps
        w = wraps
        def dprobs(dlogprobs, probs):
            return w(dprobs, ('__globals__',))
    """,
    "type: makes an object": """
        def dprobs(dlogprobs, probs):
            return type(probs)(3)
    """,
    "type: makes an object, put away": """
        def dprobs(dlogprobs, probs):
            kind = type(probs)
            return kind(3)
    """,
    "type: makes a class": """
        def dprobs(dlogprobs, probs):
            return type('A', (torch.Tensor,), {'__torch_function__': print})
    """,
    "type: the type of a type": """
        def dprobs(dlogprobs, probs):
            return type(type(probs))('A', (), {})
    """,
    "type: handed on": """
        def dprobs(dlogprobs, probs):
            return list(map(type, [probs]))
    """,
    "type: a class derived from it": """
        class A(type): pass
        def dprobs(dlogprobs, probs):
            return A
    """,
    "type: by another name": """
        kind = type
        def dprobs(dlogprobs, probs):
            return kind(probs)(3)
    """,
    "type: as a default": """
        def dprobs(dlogprobs, probs):
            def inner(x, kind=type):
                return kind(x)
            return inner(probs)
    """,
    "type: in a list": """
        def dprobs(dlogprobs, probs):
            return [type][0](probs)
    """,
    "type: with stars": """
        def dprobs(dlogprobs, probs):
            return type(*['A', (), {}])
    """,
    "type: a class made by another": """
        class A(metaclass=print): pass
        def dprobs(dlogprobs, probs):
            return A
    """,
    "mode: gradients on": """
        def dprobs(dlogprobs, probs):
            torch.set_grad_enabled(not False)
            return probs
    """,
    "mode: gradients on, by a name": """
        on = torch.set_grad_enabled
        def dprobs(dlogprobs, probs):
            on(True)
            return probs
    """,
    "mode: a leaf without a word": """
        def dprobs(dlogprobs, probs):
            return probs.clone().requires_grad_(mode=True)
    """,
    "mode: inference off": """
        def dprobs(dlogprobs, probs):
            with torch.inference_mode(False):
                return probs * 2
    """,
    "mode: inference off, by keyword": """
        def dprobs(dlogprobs, probs):
            with torch.inference_mode(mode=False):
                return probs * 2
    """,
    "mode: inference off, by a name": """
        off = False
        def dprobs(dlogprobs, probs):
            with torch.inference_mode(off):
                return probs * 2
    """,
    "mode: inference off, put away": """
        mode = torch.inference_mode
        def dprobs(dlogprobs, probs):
            with mode(False):
                return probs * 2
    """,
    "mode: inference off, imported": """
        from torch import inference_mode as mode
        def dprobs(dlogprobs, probs):
            with mode(False):
                return probs * 2
    """,
    "mode: a leaf": """
        def dprobs(dlogprobs, probs):
            return torch.ones(3, requires_grad=True)
    """,
    "mode: a leaf, by a name": """
        yes = True
        def dprobs(dlogprobs, probs):
            return torch.tensor([1.0], requires_grad=yes)
    """,
    "format: a text with a name": """
        text = '{0.grad}'
        def dprobs(dlogprobs, probs):
            return text.format(probs)
    """,
    "format: a text put together": """
        def dprobs(dlogprobs, probs):
            return ('{0.' + '__glob' + 'als__}').format(dprobs)
    """,
    "format: a text made elsewhere": """
        def dprobs(dlogprobs, probs):
            return ''.join(['{0.__glob', 'als__}']).format(dprobs)
    """,
    "format: by way of str": """
        def dprobs(dlogprobs, probs):
            return str.format('{0.__globals__}', dprobs)
    """,
    "format: a helper's text": """
        def show(text, x):
            return text.format(x)
        def dprobs(dlogprobs, probs):
            return show('{0.__globals__}', dprobs)
    """,
    "format: a field in a field": """
        def dprobs(dlogprobs, probs):
            return '{0:{1.__globals__}}'.format(1, dprobs)
    """,
    "format: behind an index": """
        def dprobs(dlogprobs, probs):
            return '{0[0].__globals__}'.format([dprobs])
    """,
    "format: handed on": """
        def dprobs(dlogprobs, probs):
            return list(map('{0.__globals__}'.format, [dprobs]))
    """,
    "format: by a map": """
        def dprobs(dlogprobs, probs):
            return '{x.__globals__}'.format_map({'x': dprobs})
    """,
    "complex: the root of a negative number": """
        def dprobs(dlogprobs, probs):
            return probs * (-1) ** 0.5
    """,
    "complex: the root, by names": """
        minus, half = -1, 1 / 2
        def dprobs(dlogprobs, probs):
            return probs * minus ** half
    """,
    "complex: the root, by pow": """
        def dprobs(dlogprobs, probs):
            return probs * pow(-1, 0.5)
    """,
    "complex: the root, by a method": """
        def dprobs(dlogprobs, probs):
            return probs * (-1.0).__pow__(0.5)
    """,
    "complex: the root, by operator": """
        from operator import pow
        def dprobs(dlogprobs, probs):
            return probs * pow(-1, 0.5)
    """,
    "complex: a kind by its name": """
        def dprobs(dlogprobs, probs):
            return probs.type('torch.ComplexDoubleTensor')
    """,
    "complex: a kind by its name put together": """
        kind = 'torch.Com' + 'plexDoubleTensor'
        def dprobs(dlogprobs, probs):
            return probs.type(kind)
    """,
    "complex: a kind by a text made elsewhere": """
        def dprobs(dlogprobs, probs):
            return probs.type(''.join(['torch.Com', 'plexDoubleTensor']).strip())
    """,
    "complex: a kind handed on": """
        def dprobs(dlogprobs, probs):
            kind = probs.type
            return kind('torch.ComplexDoubleTensor')
    """,
    "complex: a pattern": """
        def dprobs(dlogprobs, probs):
            match probs:
                case 1 + 2j:
                    return probs
    """,
    "complex: in a text's field": """
        def dprobs(dlogprobs, probs):
            return f'{1j}'
    """,
    "python: a module of a module": """
        import dataclasses
        def dprobs(dlogprobs, probs):
            return dataclasses.copy
    """,
    "python: a comparison's sibling": """
        from operator import attrgetter
        def dprobs(dlogprobs, probs):
            return attrgetter('grad')(probs)
    """,
    "python: calls by a name": """
        import operator
        def dprobs(dlogprobs, probs):
            return operator.methodcaller('backward')(probs)
    """,
    "python: an asynchronous comprehension": """
        def dprobs(dlogprobs, probs):
            async def inner():
                return [x async for x in y()]
            return inner
    """,
    "python: a class with a slot for how torch sees it": """
        class A:
            __array_interface__ = {}
        def dprobs(dlogprobs, probs):
            return torch.asarray(A())
    """,
}


@pytest.mark.parametrize("source", [pytest.param(PRELUDE + dedent(text), id=name) for name, text in TRICKS.items()])
def test_no_trick_earns_anything(source: str, verdict_of: Callable[[str], StepResult]) -> None:
    step = verdict_of(source)
    assert step.verdict in ("forbidden", "error", "wrong")
    assert step.credit == 0


def test_a_complex_step_by_way_of_a_square_root_earns_nothing(judge_text: JudgeText) -> None:
    source = """
        def dhpreact(hpreact, dh):
            i = type((-1) ** 0.5)(0, 1)
            return (torch.tanh(hpreact + 1e-30 * i) * -i).double() / 1e-30 * dh
    """
    result = judge_text({"ex1_chain": PRELUDE + dedent(source)}, "ex1_chain.dhpreact")
    assert step_of(result, "ex1_chain.dhpreact").verdict == "forbidden"


# A program's own sequence, in a list that it empties while torch reads from it.
CHANGED_WHILE_READ = """
    held = []
    class Row:
        def __len__(self):
            return 2
        def __getitem__(self, place):
            return [1.0, 2.0][place]
        def __iter__(self):
            held.clear()
            return iter([1.0, 2.0])
    held.extend([Row()] + [[1.0, 2.0]] * 200)
    try:
        LINE
    except Exception:
        pass
"""
READERS = """
torch.tensor(held, dtype=torch.float64)
torch.as_tensor(data=held, dtype=torch.float64)
torch.asarray(held, dtype=torch.float64)
torch.Tensor(held)
torch.FloatTensor(held)
list(map(type(probs), [held]))
probs.new_tensor(held)
probs[held]
probs[0:1, held]
probs[held] = 1
probs.__getitem__(held)
probs.__setitem__(held, 1)
torch.tensor((held, held), dtype=torch.float64)
torch.sparse_coo_tensor(held, [1.0])
torch.sparse_coo_tensor([[0, 1]], held)
"""


@pytest.mark.parametrize("line", READERS.strip().splitlines())
def test_no_list_changes_while_torch_reads_it(line: str, verdict_of: Callable[[str], StepResult]) -> None:
    body = dedent(CHANGED_WHILE_READ).replace("LINE", line)
    step = verdict_of(answer(f"given, probs = probs, probs.clone()\n{body.strip()}\nprobs = given"))
    assert step.passes, step.message


UNCHECKED = """
F.embedding_bag(torch.tensor([1]), torch.rand(5, 3), torch.tensor([0]), mode="max", include_last_offset=True)
F.embedding_bag(torch.tensor([0, 1, 0]), torch.rand(4, 5), torch.zeros(0).long(), mode="sum")
torch.linalg.lstsq(torch.rand(3, 3), torch.rand(3, 0), driver="gelss")
torch.binomial(torch.tensor([math.nan]), torch.tensor([0.5]))
"""


@pytest.mark.parametrize("line", UNCHECKED.strip().splitlines())
def test_no_kernel_is_given_what_it_does_not_check(line: str, verdict_of: Callable[[str], StepResult]) -> None:
    assert verdict_of(answer(line)).verdict in ("error", "forbidden")


# --- allowed ----------------------------------------------------------------------------------------------

BODIES = blocks(r'''
--- a variable called grad
grad = dlogprobs
grad = grad / probs
--- a comment about autograd
# torch.autograd.grad(loss, probs) says the same; no eval(), no open()
x = 1
--- texts about autograd
x = 'loss.backward() and .grad'; y = "eval('1')"
--- a docstring about autograd
"""Not probs.grad, and not torch.autograd.grad(...)."""
--- a text with underscores
x = '__class__ __globals__ _C'
--- a print of shapes
print(probs.shape, 'probs', sep=' ', end='')
--- a print to nowhere in particular
print()
print(probs)
print(f'{probs.mean().item():.4f}')
--- an assert
assert probs.shape == dlogprobs.shape, f'{probs.shape} != {dlogprobs.shape}'
--- f-strings
x = f'{probs.mean():.3f} {probs.shape!r:>10} {{}} {1 + 1 = }'
--- format
x = '{:.2f} {name}'.format(float(probs.sum()), name='sum')
y = format(3.14159, '.2f')
--- percent
x = '%s of %d' % (probs.shape, 3)
--- no_grad
with torch.no_grad():
    x = dlogprobs / probs
--- inference_mode
with torch.inference_mode():
    x = dlogprobs / probs
--- detach
probs = probs.detach().clone()
--- data
x = probs.data * 1.0
--- einsum
x = torch.einsum('ij,ij->i', probs, dlogprobs)
--- scatter
x = torch.zeros_like(probs).scatter(1, probs.max(1, keepdim=True).indices, 1.0)
--- scatter_add_
x = torch.zeros_like(probs)
x.scatter_add_(1, torch.zeros_like(probs).long(), probs)
--- one_hot
x = F.one_hot(probs.argmax(1), num_classes=probs.shape[1])
--- softmax
x = F.softmax(probs, 1) + F.log_softmax(probs, dim=-1)
--- index_add_
x = torch.zeros_like(probs).index_add_(0, torch.arange(probs.shape[0]), dlogprobs)
--- index_put_
x = torch.zeros_like(probs)
x.index_put_((torch.tensor([0]), torch.tensor([1])), torch.tensor([1.0]))
--- gather
x = probs.gather(1, probs.argmax(1, keepdim=True))
--- where and masks
x = torch.where(probs > 0.5, probs, torch.zeros_like(probs))
x[x > 1] = 0
--- stack, cat, unbind
x = torch.cat([torch.stack(list(probs.unbind(0))), probs], dim=0)
--- matrix products
x = probs @ probs.T
y = torch.matmul(probs.t(), probs)
--- statistics
x = probs.mean(0, keepdim=True)
y = probs.var(0, unbiased=True)
z = probs.std()
--- views
x = probs.view(-1).reshape(probs.shape).permute(1, 0).transpose(0, 1).contiguous()
--- in place on a copy
x = probs.clone()
x += 1
x.mul_(2).div_(2)
x[:, 0] = 0
x[..., None]
--- new tensors
x = probs.new_zeros(3) + torch.full((3,), 2.0) + torch.ones(3, dtype=probs.dtype)
--- kinds
x = probs.to(torch.float64).float().double().to(probs.dtype)
assert probs.dtype.itemsize
--- limits of numbers
x = torch.finfo(probs.dtype).eps + math.inf
--- random
torch.manual_seed(0)
x = torch.randn(3, generator=torch.Generator().manual_seed(1))
--- a comparison
x = torch.allclose(probs, probs) and torch.equal(probs, probs)
--- list comprehension
x = [row.sum() for row in probs if row.numel()]
--- set, dict and generator comprehensions
x = {i for i in range(3)}
y = {i: j for i, j in enumerate('ab')}
z = sum(i for i in x)
--- nested comprehensions
x = [[i * j for j in range(i)] for i in range(3)]
--- for
for i, (a, b) in enumerate(zip(probs, dlogprobs)):
    c = a + b + i
else:
    c = 0
--- while
i = 0
while i < 3:
    i += 1
    if i == 2:
        continue
    break
--- try
try:
    x = 1 / 0
except (ZeroDivisionError, ValueError) as error:
    print(error)
else:
    x = 1
finally:
    x = 2
--- raise
if probs.ndim != 2:
    raise ValueError(f'expected two axes, got {probs.ndim}')
--- an inner function
def ratio(a, b):
    return a / b
x = ratio(dlogprobs, probs)
--- a lambda
ratio = lambda a, b=probs: a / b
x = ratio(dlogprobs)
--- star arguments
def add(*parts, **named):
    return sum(parts) + sum(named.values())
x = add(1, *[2, 3], **{'a': 4})
--- keyword-only
def scale(a, /, b, *, by=2):
    return a * b * by
x = scale(1, b=2, by=3)
--- walrus
if (total := probs.sum()) > 0:
    x = [y := 1, y ** 2]
--- recursion
def fact(n):
    return 1 if n < 2 else n * fact(n - 1)
x = fact(5)
--- nonlocal
count = 0
def tick():
    nonlocal count
    count += 1
tick()
--- annotations
count: int = 0
rows: list[float] = []
name: 'str | None' = None
--- conditional
x = 1 if probs.sum() > 0 else -1
y = 0 < x <= 1 and not x == 3 or x is None
--- unpacking
n, v = probs.shape
first, *rest = [1, 2, 3]
n, v = v, n
_, m = probs.shape
--- match
match probs.shape:
    case (n, v) if n > 0:
        x = n
    case [*_]:
        x = {'a': 1}
--- match on a dict
match {'a': 1}:
    case {'a': x, **rest}:
        y = x
    case 1 | 2 | None:
        pass
--- lists and dicts
x = []
x.append(1)
x.extend([2])
y = {'a': 1}
y.update(b=2)
z = [*y.keys(), *y.values(), y.get('c')]
--- texts
x = ' a,b '.strip().split(',')
y = '-'.join(x).upper().replace('A', 'B')
--- sorted, map, filter
x = sorted([3, 1], key=lambda v: -v)
y = list(map(str, filter(None, x)))
z = max(x), min(x), abs(-1)
--- numbers
x = 0xFF + 1_000 + 1e-5 + int('3') + float('inf') + round(2.5) + pow(2, 3) + divmod(7, 2)[0]
--- isinstance
assert isinstance(probs, torch.Tensor) and callable(print) and type(probs) is torch.Tensor
--- iterators
rows = iter(probs)
x = next(rows)
y = list(reversed([1, 2]))[slice(0, 1)]
--- del
x = 1
del x
--- math
x = math.sqrt(2) * math.pi + math.log(math.e) + math.exp(0) + math.prod([1, 2])
--- printoptions
torch.set_printoptions(precision=3)
--- a local called input
input = probs * 1
x = input.sum()
--- locals called open, id, dir, hash, vars
open = id = dir = hash = vars = 1
x = open + id + dir + hash + vars
--- a loop variable called compile
for compile in range(3):
    x = compile
--- a comprehension variable called id
x = [id for id in range(3)]
y = {hash: 1 for hash in 'ab'}
--- parameters called eval and open
def helper(eval, *open, **vars):
    return eval, open, vars
x = helper(1)
--- a lambda's parameter called input
double = lambda input: 2 * input
x = double(3)
--- an inner function called open
def open(x):
    return x
y = open(3)
--- an exception called exit
try:
    pass
except ValueError as exit:
    print(exit)
--- keywords called like refused words
def helper(**named):
    return named
x = helper(grad=1, open=2, eval=3)
--- keys called like refused words
x = {'grad': 1, 'open': 2}
y = x['grad']
--- a variable called backward
backward = autograd = jit = ops = 1
x = backward + autograd
--- a variable with an underscore
_tmp = 1
_ = _tmp
--- roots and powers
n = probs.shape[0]
x = n ** 0.5 + (n - 1) ** -0.5 + (-2) ** 3 + 2 ** 0.5 + pow(n, 0.5) + pow(2, 3, 5)
x **= 2
y = probs.clone()
y **= 2
rows = [1, 2]
rows[0] **= 2
--- the usual choice of a device
device = 'cuda' if torch.cuda.is_available() else 'mps' if torch.backends.mps.is_available() else 'cpu'
x = torch.zeros(3, device=device)
--- kinds by name
x = probs.type(torch.float64).type(dlogprobs.dtype).type('torch.DoubleTensor')
kind = torch.float32
y = probs.type(kind)
assert probs.type() == 'torch.DoubleTensor' or x.type(probs.type()).dtype
--- asking for a type
n = 3
assert type(probs) is torch.Tensor and type(n) == int and type(n) in (int, float)
print(type(probs), type(n).__name__, f'{type(probs)}', str(type(n)), '%s' % type(n), '{} {}'.format(1, type(n)))
assert (type(n), type(probs)) == (int, torch.Tensor) and '%s %s' % (n, type(n))
if not isinstance(n, int):
    raise TypeError(type(n))
--- a text for format, by a name
row = '{:>10} | ' + '{name:{width}.4f}'
x = row.format(probs.shape[0], name=1.5, width=8)
y = '{0.shape} {1[0]}'.format(probs, [1])
z = format(3, 'd')
--- a layer of one's own, forward and backward
class Log:
    def __init__(self):
        self.grad = None
        self._x = self.__y = None
    def forward(self, x):
        self._x = x
        return x.log()
    def backward(self, grad):
        self.grad = grad / self._x
        return self.grad
layer = Log()
layer.forward(probs)
assert layer.backward(dlogprobs) is layer.grad
layers = [Log(), Log()]
for part in reversed(layers):
    part.forward(probs)
    x = part.backward(dlogprobs)
def run(part, grad):
    return part.backward(grad)
x = run(layers[0], dlogprobs)
--- a number that knows its gradient
class Value:
    def __init__(self, data, _children=()):
        self.data = data
        self.grad = 0.0
        self._prev = set(_children)
        self._backward = lambda: None
    def __mul__(self, other):
        out = Value(self.data * other.data, (self, other))
        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out._backward = _backward
        return out
    def backward(self):
        self.grad = 1.0
        for child in [self, *self._prev]:
            child._backward()
a, b = Value(2.0), Value(3.0)
c = a * b
c.backward()
assert (a.grad, b.grad) == (3.0, 2.0)
--- a function that counts its calls
def half(x):
    half.calls += 1
    return x / 2
half.calls = 0
half(probs)
--- a place for intermediate values
class Cache:
    pass
cache = Cache()
cache.mean = probs.mean(0)
cache.mean += 1
cache.scale = 2
x = cache.mean * cache.scale
del cache.scale
--- the data of a tensor
x = probs.clone()
x.data = x.data * 2
x.data += 1
x.data[0] = 0
--- no gradients asked for
x = torch.zeros(3, requires_grad=False)
x = probs.clone().requires_grad_(False)
with torch.set_grad_enabled(False):
    x = x + 1
with torch.inference_mode(mode=True):
    y = x + 1
--- sets and texts in full
x = {1, 2}.symmetric_difference({2, 3}).issubset({1, 3})
y = 'Ab c'.swapcase().partition(' ')[0].isalpha(), 'abc'.find('b'), 'a-b'.removesuffix('b').splitlines()
--- more of torch
x = torch.linalg.inv(torch.eye(3)) @ torch.linalg.solve(torch.eye(3), torch.ones(3))
y = F.softplus(probs) + F.hardswish(probs) + torch.special.expit(probs) * 0
y = probs.lgamma()
z = torch.trapz(torch.logaddexp2(probs, probs))
--- generators that are sent to
def running():
    total = 0
    while True:
        total += yield total
r = running()
next(r)
r.send(1)
r.close()
--- an exception's message
try:
    raise ValueError('a', 1)
except ValueError as error:
    x = error.args[0] + str(error)
--- nothing at all
pass
...
'a text'
''')


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in BODIES.items()])
def test_honest_code_is_allowed_and_runs(body: str, judge_text: JudgeText) -> None:
    source = answer(body)
    step = step_of(judge_text({"ex1_chain": source}, "ex1_chain.dprobs"), "ex1_chain.dprobs")
    assert step.passes, f"{step.verdict}: {step.message}"


FILES = blocks(r"""
--- Tensor by name
from torch import Tensor
def dprobs(dlogprobs: Tensor, probs: Tensor) -> Tensor:
    return dlogprobs / probs
--- F by another way
from torch.nn import functional as F
def dprobs(dlogprobs, probs):
    F.softmax(probs, 1)
    return dlogprobs / probs
--- nn
import torch.nn as nn
def dprobs(dlogprobs, probs):
    nn.functional.relu(probs)
    return dlogprobs / probs
--- functions by name
from torch import einsum, zeros_like, no_grad
from torch.nn.functional import one_hot
def dprobs(dlogprobs, probs):
    zeros_like(probs)
    return dlogprobs / probs
--- another name for torch
import torch as th, math as m
def dprobs(dlogprobs, probs):
    return th.div(dlogprobs, probs) * m.cos(0)
--- math by name
from math import sqrt, log as ln
def dprobs(dlogprobs, probs):
    return sqrt(1) * dlogprobs / probs + ln(1)
--- typing
from typing import Any, Callable, List, Optional, Tuple
import typing
def dprobs(dlogprobs: Any, probs: Optional[List[int]]) -> Tuple[int, ...]:
    x: typing.Any = 1
    return dlogprobs / probs
--- future
from __future__ import annotations
import torch
def dprobs(dlogprobs: torch.Tensor, probs: anything) -> nothing:
    return dlogprobs / probs
--- a shorthand
import torch
F = torch.nn.functional
def dprobs(dlogprobs, probs):
    F.relu(probs)
    return dlogprobs / probs
--- a helper
def ratio(a, b):
    return a / b
def dprobs(dlogprobs, probs):
    return ratio(dlogprobs, probs)
--- a decorator
def loud(f):
    def inner(dlogprobs, probs):
        print('called')
        return f(dlogprobs, probs)
    return inner
@loud
def dprobs(dlogprobs, probs):
    return dlogprobs / probs
--- a global counter
calls = 0
def dprobs(dlogprobs, probs):
    global calls
    calls += 1
    return dlogprobs / probs
--- constants
EPS: float = 1e-5
ONE, _TWO = 1, 2
def dprobs(dlogprobs, probs):
    return dlogprobs / probs * ONE + 0 * EPS * _TWO
--- a class
class Ratio:
    'Divides.'
    one = 1
    def __init__(self, top):
        self.top = top
        self.memory = []
    def __call__(self, bottom):
        self.memory.append(self.one)
        return self.top / bottom
    def __repr__(self):
        return f'Ratio({self.top})'
def dprobs(dlogprobs, probs):
    return Ratio(dlogprobs)(probs)
--- a class with properties
class Pair:
    def __init__(self, left, right):
        super().__init__()
        self.left, self.right = left, right
    @property
    def ratio(self):
        return self.left / self.right
    @staticmethod
    def of(a, b):
        return Pair(a, b)
def dprobs(dlogprobs, probs):
    return Pair.of(dlogprobs, probs).ratio
--- a NamedTuple
from typing import NamedTuple
class Both(NamedTuple):
    upper: object
    lower: object
def dprobs(dlogprobs, probs):
    both = Both(dlogprobs, probs)
    return both.upper / both.lower
--- a lambda
dprobs = lambda dlogprobs, probs: dlogprobs / probs
--- positional-only
def dprobs(dlogprobs, probs, /):
    return dlogprobs / probs
--- keyword-only
def dprobs(*, dlogprobs, probs, n=None):
    return dlogprobs / probs
--- what no step reaches
import numpy as np
import matplotlib.pyplot as plt
x = np.zeros(3).__class__
print(open(__file__).read())
def dprobs(dlogprobs, probs):
    return dlogprobs / probs
def other():
    return eval('1')
--- a main guard
def dprobs(dlogprobs, probs):
    return dlogprobs / probs
if __name__ == '__main__':
    import sys
    sys.exit(dprobs(1, 2).backward())
--- a name of the module
def dprobs(dlogprobs, probs):
    print(__name__)
    return dlogprobs / probs
--- named tuples of both kinds
from collections import namedtuple
from typing import NamedTuple
Both = namedtuple('Both', 'upper lower')
Pair = namedtuple('Pair', ['left', 'right'])
class Three(NamedTuple):
    one: int = 1
def dprobs(dlogprobs, probs):
    both = Both(dlogprobs, probs)._replace(lower=probs)
    assert both._fields and both._asdict() and Pair(1, 2).left == Three().one
    return both.upper / both.lower
--- a class derived from a named tuple
from collections import namedtuple
class Rule(namedtuple('Rule', 'top bottom', defaults=[1])):
    def ratio(self):
        assert len(self) == 2 and super().__len__() == 2
        return self.top / self.bottom
def dprobs(dlogprobs, probs):
    return Rule(dlogprobs)._replace(bottom=probs).ratio()
--- a dataclass
from dataclasses import dataclass, field
import dataclasses
@dataclass(frozen=True)
class Both:
    upper: object
    lower: object
    notes: list = field(default_factory=list)
def dprobs(dlogprobs, probs):
    both = dataclasses.replace(Both(dlogprobs, probs), notes=[1])
    return both.upper / both.lower
--- a wrapped helper
from functools import wraps, partial, reduce, lru_cache
import operator
def loud(f):
    @wraps(f)
    def inner(*args, **kwargs):
        return f(*args, **kwargs)
    return inner
@loud
def ratio(a, b):
    return a / b
@lru_cache(maxsize=None)
def one():
    return 1
def dprobs(dlogprobs, probs):
    one.cache_clear()
    return reduce(operator.mul, [partial(ratio, dlogprobs)(probs), one()])
--- copies and queues
from collections import Counter, deque
from copy import deepcopy
import copy
def dprobs(dlogprobs, probs):
    waiting = deque([deepcopy(probs)])
    waiting.appendleft(copy.copy(dlogprobs))
    assert Counter('aab').most_common(1)
    return waiting.popleft() / waiting.pop()
--- torch's functions by their module
import torch.functional
import torch.linalg as LA
from torch.functional import einsum
def dprobs(dlogprobs, probs):
    LA.norm(probs)
    return einsum('ij,ij->ij', dlogprobs, 1 / probs)
--- a property that is set
class Half:
    def __init__(self):
        self._top = None
    @property
    def top(self):
        return self._top
    @top.setter
    def top(self, value):
        self._top = value
def dprobs(dlogprobs, probs):
    half = Half()
    half.top = dlogprobs
    return half.top / probs
--- decorated with no_grad and inference_mode
import torch
@torch.inference_mode
@torch.no_grad()
def dprobs(dlogprobs, probs):
    return dlogprobs / probs
--- a class with slots, a total order and its own errors
class Odd(ValueError):
    pass
class Box:
    __slots__ = ('inner',)
    def __init__(self, inner):
        self.inner = inner
    def __hash__(self):
        return 1
    def __abs__(self):
        return self
    def __floordiv__(self, other):
        return self.inner / other.inner
def dprobs(dlogprobs, probs):
    try:
        raise Odd('odd')
    except Odd:
        return abs(Box(dlogprobs)) // Box(probs)
--- hints of every kind
import torch
from typing import TYPE_CHECKING, Type, cast
if TYPE_CHECKING:
    import numpy as np
def dprobs(dlogprobs: "np.ndarray", probs: Type[int]) -> type:
    kind: type = int
    x: type[int] = int
    return cast(torch.Tensor, dlogprobs / probs)
--- contexts of contextlib
from contextlib import contextmanager, nullcontext, suppress
@contextmanager
def scope(name):
    print('in', name)
    try:
        yield name.upper()
    except ZeroDivisionError as error:
        print(error)
    finally:
        print('out')
def dprobs(dlogprobs, probs):
    with scope('a') as name, suppress(KeyError):
        assert name == 'A'
        {}['a']
    with scope('b'):
        1 / 0
    with nullcontext(probs) as given:
        return dlogprobs / given
--- enumerations
from enum import Enum, IntEnum, auto
class Op(Enum):
    LOG = auto()
    EXP = auto()
    TANH = 'tanh'
    @property
    def short(self):
        return self.name.lower()
class Dim(IntEnum):
    BATCH = 0
    VOCAB = 1
class Pair(Enum):
    FIRST = 1, 2
    def __init__(self, a, b): self.both = self.__class__.__name__, a, b
def dprobs(dlogprobs, probs):
    assert Pair.FIRST.both == ('Pair', 1, 2) and probs[Dim.VOCAB].ndim == 1
    assert [op.short for op in Op] == ['log', 'exp', 'tanh'] and Op['LOG'] is Op(1) is Op.LOG and Op('tanh') in Op
    assert f'{Op.LOG} {Op.EXP!r}' == "Op.LOG <Op.EXP: 2>" and {Op.LOG: 1}[Op.LOG] == len(Dim) - 1
    assert probs.sum(dim=Dim.VOCAB).ndim == 1 and Dim.VOCAB + 1 == 2 and isinstance(Op.LOG, Op)
    return dlogprobs / probs
--- abstract classes and protocols
from abc import ABC, ABCMeta, abstractmethod
from typing import Generic, Protocol, TypeVar
T = TypeVar('T')
class Layer(ABC, Generic[T]):
    @abstractmethod
    def back(self, g): ...
class Plain(metaclass=ABCMeta): pass
class HasBack(Protocol):
    def back(self, g): ...
class Log(Layer[int]):
    def __init__(self, x): self.x = x
    def back(self, g): return g / self.x
def dprobs(dlogprobs, probs):
    return Log(probs).back(dlogprobs)
--- more of functools, itertools, operator
from functools import total_ordering, update_wrapper
from itertools import chain
from operator import attrgetter, methodcaller
@total_ordering
class Size:
    def __init__(self, n): self.n = n
    def __eq__(self, other): return self.n == other.n
    def __lt__(self, other): return self.n < other.n
class Counted:
    def __init__(self, f):
        update_wrapper(self, f)
        self.f, self.calls = f, 0
    def __call__(self, *values):
        self.calls += 1
        return self.f(*values)
@Counted
def dprobs(dlogprobs, probs):
    assert list(chain.from_iterable([[1], [2]])) == [1, 2] and Size(2) >= Size(1) and not Size(2) <= Size(1)
    assert attrgetter('shape', 'T.ndim')(probs) == (probs.shape, 2)
    return methodcaller('div', probs)(dlogprobs)
--- a clock, a log, and prints to stderr
import logging, sys, time, warnings
from types import SimpleNamespace
warnings.filterwarnings('ignore')
logging.basicConfig(level=logging.INFO)
log = logging.getLogger(__name__)
config = SimpleNamespace(eps=1e-5)
def timed(f):
    def inner(dlogprobs, probs):
        start = time.perf_counter()
        out = f(dlogprobs, probs)
        print(f'{f.__name__}: {(time.perf_counter() - start) * 1e3:.2f} ms', file=sys.stderr)
        return out
    return inner
@timed
def dprobs(dlogprobs, probs):
    config.eps *= 2
    log.info('shape %s', probs.shape)
    warnings.warn('unused')
    sys.stdout.flush()
    return dlogprobs / probs
--- class patterns
from collections import namedtuple
from dataclasses import dataclass
from typing import Any
Pair = namedtuple('Pair', 'left right')
@dataclass
class Div:
    top: Any
    bottom: Any
class Log:
    __match_args__ = ('x',)
    def __init__(self, x): self.x = x
def shown(thing):
    match thing:
        case None: return 'none'
        case bool(): return 'bool'
        case int(n) | float(n) if n > 2: return f'big {n}'
        case int() | float(): return 'number'
        case str() as text: return text
        case Pair(left, right=_): return f'pair {left}'
        case [int(a), *rest]: return f'{a} {len(rest)}'
        case Div(Log(x), bottom=Log() as low): return f'logs {x} {low.x}'
        case Div(1 | 2, None): return 'constants'
        case {'a': Log(x)}: return f'dict {x}'
        case _: return 'else'
def dprobs(dlogprobs, probs):
    things = None, True, 3, 1.5, 'text', [1, 2, 3], Div(Log(1), Log(2)), Div(2, None), Pair(1, 2), {'a': Log(5)}, ['b']
    words = 'none,bool,big 3,number,text,1 2,logs 1 2,constants,pair 1,dict 5,else'
    assert ','.join(map(shown, things)) == words, list(map(shown, things))
    match Div(dlogprobs, probs):
        case Log(): return probs
        case Div(top, bottom): return top / bottom
--- rows added up in bags
import torch
import torch.nn.functional as F
def dprobs(dlogprobs, probs):
    table, at, starts = torch.rand(5, 3), torch.tensor([0, 4, 4, 1]), torch.tensor([0, 1, 1, 3])
    sums = torch.stack([table[0], 0 * table[0], 2 * table[4], table[1]])
    assert torch.allclose(F.embedding_bag(at, table, starts, mode='sum'), sums)
    assert torch.allclose(F.embedding_bag(at, table, starts)[2], table[4])
    return dlogprobs / probs
--- a wrapper that takes no names
from functools import wraps
def loud(f):
    @wraps(f)
    def inner(*values):
        return f(*values)
    return inner
@loud
def dprobs(dlogprobs, probs, n=3):
    return dlogprobs / probs
--- defaults that are no plain numbers
def dprobs(dlogprobs, probs, low=float('-inf'), none=float('nan'), many=1 << 99):
    return dlogprobs / probs
--- a sequence of one's own, read by torch
import torch
from collections import deque
class Row:
    def __init__(self, *values): self.values = values
    def __len__(self): return len(self.values)
    def __getitem__(self, place): return self.values[place]
def dprobs(dlogprobs, probs):
    assert torch.tensor([Row(1, 2), deque([3, 4])]).tolist() == [[1, 2], [3, 4]]
    assert probs[Row(0, 1)].numel() and isinstance(torch.LongTensor([1]), torch.LongTensor)
    return dlogprobs / probs
--- everything of math, unused
from math import *
def dprobs(dlogprobs, probs):
    return dlogprobs / probs
""")


@pytest.mark.parametrize("source", [pytest.param(source, id=name) for name, source in FILES.items()])
def test_an_honest_file_is_allowed_and_runs(source: str, judge_text: JudgeText) -> None:
    step = step_of(judge_text({"ex1_chain": source}, "ex1_chain.dprobs"), "ex1_chain.dprobs")
    assert step.passes, f"{step.verdict}: {step.message}"


def test_enough_honest_code_is_tried() -> None:
    assert len(BODIES) >= 60


OWN_NAMES = {
    "two throw-away variables": "_, __ = probs.shape",
    "nonlocal": "id = 0\ndef tick():\n    nonlocal id\n    id += 1\ntick()",
}


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in OWN_NAMES.items()])
def test_no_local_variable_is_refused_for_its_name(body: str, verdict_of: Callable[[str], StepResult]) -> None:
    assert verdict_of(answer(body)).passes


# Faults P8, P9 of the static list: names of one's own, and typing errors.
OWN_WORDS = "cache accumulate chain eval init partial ops reduce seed grad backward name func real load"


@pytest.mark.parametrize("word", OWN_WORDS.split())
def test_ones_own_attributes_may_have_any_name(word: str, verdict_of: Callable[[str], StepResult]) -> None:
    box = f"class Box:\n    def __init__(self): self.{word} = 1\n    def get(self): return self.{word}\n"
    tool = f"class Tool:\n    def {word}(self): return 2\n"
    step = verdict_of(answer(f"assert Box().get() == 1 and Tool().{word}() == 2", box + tool))
    assert step.passes, step.message


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("torch.zeroslike(probs)", "zeros_like"),
        ("probs.clnoe()", "clone"),
        ("probs.summ(1)", "sum"),
        ("F.sofmax(probs, 1)", "softmax"),
        ("dlogprob * 2", "dlogprobs"),
        ("tourch.exp(probs)", "torch"),
        ("enumrate(probs)", "enumerate"),
    ],
)
def test_a_misspelt_word_is_an_error_that_names_near_ones(
    line: str, near: str, verdict_of: Callable[[str], StepResult]
) -> None:
    step = verdict_of(answer(line))
    assert step.verdict == "error"
    assert re.search(rf"did you mean .*\b{near}\b", step.message), step.message


# --- the message, what is executed, the lesson's additions ------------------------------------------------


def test_a_refusal_says_line_expression_and_reason(verdict_of: Callable[[str], StepResult]) -> None:
    step = verdict_of(answer("x = 1\nprobs.sum().backward()"))
    said = "line 6: probs.sum().backward is not available in a step: the exercise asks for the gradient by hand"
    assert (step.verdict, step.line, step.message) == ("forbidden", 6, said)


def test_a_refusal_tells_a_student_nothing_that_is_for_instructors(verdict_of: Callable[[str], StepResult]) -> None:
    assert "lesson.toml" not in verdict_of(answer("torch.stft(probs, 3)")).message


def test_the_first_refusal_is_named(verdict_of: Callable[[str], StepResult]) -> None:
    step = verdict_of(answer("x = 1\ntry:\n    probs.grad\nfinally:\n    torch.jit"))
    assert (step.verdict, step.line) == ("forbidden", 7)


SWALLOWED = {
    "a bare except": "try:\n    probs.grad\nexcept:\n    pass",
    "except BaseException": "try:\n    probs.grad\nexcept BaseException:\n    pass",
    "a return in finally": "def f():\n    try:\n        probs.grad\n    finally:\n        return 1\nf()",
    "an __exit__ that is true": "class A:\n    def __enter__(self): pass\n    def __exit__(self, *_): return True\n"
    "with A():\n    probs.grad",
    "a break in finally": "for _ in range(2):\n    try:\n        probs.grad\n    finally:\n        break",
    "a generator that is closed": "def f():\n    try:\n        yield 1\n    finally:\n        probs.grad\n"
    "g = f()\nnext(g)\ndel g",
    "a key for sorting": "class A:\n    def __eq__(self, o):\n        probs.grad\nclass B:\n"
    "    def __enter__(self): pass\n    def __exit__(self, *_): return True\nwith B():\n    A() == 1",
}


@pytest.mark.parametrize("body", SWALLOWED.values(), ids=SWALLOWED)
def test_a_refusal_that_is_swallowed_counts(body: str, verdict_of: Callable[[str], StepResult]) -> None:
    assert verdict_of(answer(body)).verdict == "forbidden"


NOT_EXECUTED = {
    "async": "async def f():\n    await g()\n    async with x: pass\n    return [y async for y in z]",
    "a complex number": "def f():\n    return 1j",
    "a class pattern": "def f(x):\n    match x:\n        case int(): return 1",
    "a module that is not there": "def f():\n    import os\n    return os.getcwd()",
    "builtins": "def f():\n    return eval('1') + open('x')\nx = eval",
    "double underscores": "def f():\n    return __builtins__.__class__",
    "a class with a metaclass": "def f():\n    class A(metaclass=type): pass",
}


@pytest.mark.parametrize("body", NOT_EXECUTED.values(), ids=NOT_EXECUTED)
def test_what_is_not_executed_costs_nothing(body: str, verdict_of: Callable[[str], StepResult]) -> None:
    step = verdict_of(answer("", before=f"{body}\n"))
    assert step.passes, step.message


OTHER = {"attributes": {"attributes": ("exp",)}, "modules": {"modules": ("math",)}, "names": {"names": ("abs",)}}
EXTENSIONS = (
    ("attributes", "polar", "torch.polar(probs, probs)"),
    ("modules", "string", "import string\nstring.ascii_letters"),
    ("names", "bytes", "bytes(3)"),
)


@pytest.mark.parametrize(("kind", "word", "line"), EXTENSIONS)
def test_a_lesson_can_allow_a_word(kind: str, word: str, line: str, lesson: Lesson, warm: Warm, tmp_path: Path) -> None:
    (tmp_path / "ex1_chain.py").write_text(answer(line), encoding="utf-8")
    asked = Request(submission_at(tmp_path, lesson), frozenset({"ex1_chain.dprobs"}), mends=False)
    for words, passes in (({}, False), ({kind: (word,)}, True), (OTHER[kind], False)):
        judge = Judge(replace(lesson, vocabulary=words), 0, warm)
        step = step_of(judge.judge(asked), "ex1_chain.dprobs")
        assert step.passes == passes, step.message
        assert passes or step.verdict == "forbidden"


def test_a_module_that_is_not_installed_is_named_before_anything_runs(
    lesson: Lesson, warm: Warm, tmp_path: Path
) -> None:
    (tmp_path / "ex1_chain.py").write_text(answer("pass"), encoding="utf-8")
    asked = Request(submission_at(tmp_path, lesson), frozenset({"ex1_chain.dprobs"}), mends=False)
    judge = Judge(replace(lesson, vocabulary={"modules": ("nowhere",)}), 0, warm)
    with pytest.raises(WorkerFault, match=r"lesson.toml, \[vocabulary\], modules: No module named 'nowhere'"):
        judge.judge(asked)
