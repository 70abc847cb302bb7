"""What a step may use: each refused word is named with its line, and honest code is left alone."""

from __future__ import annotations

import math
import re
import tomllib
import typing
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import dedent, indent

import pytest
import torch

import grader.submission
from grader.lesson import Lesson
from grader.submission.answers import read_answers
from grader.submission.find import submission_at
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


@dataclass(frozen=True)
class Breach:
    """A refused word, as the message names it."""

    line: int | None
    word: str
    reason: str


FindBreach = Callable[..., Breach | None]


@pytest.fixture
def breach_of(tmp_path: Path, lesson: Lesson) -> FindBreach:
    """The breach in the answer to dprobs in this source; None where it may run. Words can be added to the lesson's."""

    def found(source: str, **more: tuple[str, ...]) -> Breach | None:
        (tmp_path / "ex1_chain.py").write_text(source, encoding="utf-8")
        answers = read_answers(submission_at(tmp_path, lesson), replace(lesson, vocabulary=more))
        answer = answers.by_name["ex1_chain", "dprobs"]
        if answer.status == "ready":
            return None
        assert answer.status == "forbidden", answer.message
        said = re.fullmatch(r"line (\d+) uses (.+?): (.+)", answer.message)
        assert said, answer.message
        assert int(said[1]) == answer.line
        return Breach(answer.line, said[2], said[3])

    return found


def marked_line(source: str) -> int:
    return next(number for number, line in enumerate(source.splitlines(), 1) if HERE in line)


# --- refused ----------------------------------------------------------------------------------------------

# One line inside a function, and the word that is named; | where either of two words will do.
LINES = {
    "autograd": """
        probs.sum().backward()                              .backward
        probs.backward(gradient=dlogprobs)                  .backward
        torch.autograd.grad(probs, probs)                   .grad|.autograd
        torch.autograd.backward(probs)                      .backward|.autograd
        torch.autograd.functional.vjp(torch.log, probs)     .vjp|.autograd
        torch.autograd.functional.jacobian(torch.log, probs) .jacobian|.autograd
        torch.autograd.forward_ad.make_dual(probs, probs)   .make_dual|.forward_ad|.autograd
        with torch.autograd.forward_ad.dual_level(): pass   .dual_level|.forward_ad|.autograd
        x = torch.autograd                                  .autograd
        x = probs.grad                                      .grad
        del probs.grad                                      .grad
        probs.requires_grad_()                              .requires_grad_
        probs.requires_grad = True                          .requires_grad
        probs.retain_grad()                                 .retain_grad
        probs.grad_fn                                       .grad_fn
        probs.is_leaf                                       .is_leaf
        probs.register_hook(print)                          .register_hook
        with torch.enable_grad(): pass                      .enable_grad
        torch.set_grad_enabled(True)                        .set_grad_enabled
        torch.func.vjp(torch.log, probs)                    .vjp|.func
        torch.func.grad(torch.sum)(probs)                   .grad|.func
        torch.vmap(torch.log)(probs)                        .vmap
        torch.gradient(probs)                               .gradient
        torch.nn.Parameter(probs)                           .Parameter
        from torch import autograd                          autograd
        from torch import vmap as v                         vmap
        from torch.autograd import grad                     torch.autograd
        import torch.autograd as ag                         torch.autograd
        import torch.autograd.functional                    torch.autograd.functional
        from torch.func import vjp                          torch.func
        import functorch                                    functorch
    """,
    "machinery": """
        torch.jit.script(torch.log)                         .script|.jit
        torch.compile(torch.log)                            .compile
        torch.ops.aten.tanh_backward(probs, probs)          .tanh_backward|.aten|.ops
        torch.library.custom_op("a::b", torch.log)          .custom_op|.library
        torch.fx.symbolic_trace(torch.log)                  .symbolic_trace|.fx
        torch.export.export(torch.log, probs)               .export
        torch.utils.data                                    .data|.utils
        torch.cuda.is_available()                           .is_available|.cuda
        probs.cuda()                                        .cuda
        torch.overrides.get_overridable_functions()         .get_overridable_functions|.overrides
        torch.multiprocessing.Process()                     .Process|.multiprocessing
        torch.distributed.is_available()                    .is_available|.distributed
        torch.hub.load("a", "b")                            .load|.hub
        torch.load("x.pt")                                  .load
        torch.save(probs, "x.pt")                           .save
        torch.from_file("x.bin")                            .from_file
        torch.classes.load_library("x.so")                  .load_library|.classes
        probs.numpy()                                       .numpy
        torch.from_numpy(probs)                             .from_numpy
        probs.apply_(abs)                                   .apply_
        probs.map_(probs, max)                              .map_
        probs.untyped_storage()                             .untyped_storage
        probs.data_ptr()                                    .data_ptr
        probs.set_(probs)                                   .set_
        torch.frombuffer(probs)                             .frombuffer
        probs.tofile("x")                                   .tofile
        from torch import load                              load
        from torch import ops as o                          ops
        from torch.nn import Parameter                      Parameter
        from torch.nn.functional import _verify_spatial_size _verify_spatial_size
        import torch.utils.cpp_extension                    torch.utils.cpp_extension
        import torch.nn.modules                             torch.nn.modules
        from torch.jit import script                        torch.jit
    """,
    "python": """
        open("/etc/passwd")                                 open
        with open("x") as file: pass                        open
        eval("1")                                           eval
        exec("x = 1")                                       exec
        compile("1", "", "eval")                            compile
        getattr(probs, "grad")                              getattr
        setattr(torch, "allclose", 1)                       setattr
        delattr(torch, "allclose")                          delattr
        hasattr(probs, "grad")                              hasattr
        globals()["x"]                                      globals
        locals()                                            locals
        vars(torch)                                         vars
        dir(torch)                                          dir
        input()                                             input
        breakpoint()                                        breakpoint
        memoryview(b"")                                     memoryview
        help(torch)                                         help
        exit(0)                                             exit
        quit()                                              quit
        id(probs)                                           id
        hash(probs)                                         hash
        bytes(3)                                            bytes
        bytearray(3)                                        bytearray
        raise SystemExit                                    SystemExit
        raise KeyboardInterrupt                             KeyboardInterrupt
        raise BaseException                                 BaseException
        __import__("os")                                    __import__
        __builtins__                                        __builtins__
        __loader__                                          __loader__
        __file__                                            __file__
        __spec__                                            __spec__
        x = eval                                            eval
        x = [print, exec][1]                                exec
        map(eval, ["1"])                                    eval
        x = f"{eval('1')}"                                  eval
        x = lambda: open                                    open
        x = lambda y=open: y                                open
        x = [open(y) for y in "ab"]                         open
        x = {y: vars(y) for y in "ab"}                      vars
        print(*globals())                                   globals
        assert eval("1")                                    eval
        ｅｖａｌ("1")                                         eval
    """,
    "private": """
        probs.__class__                                     .__class__
        probs.__dict__                                      .__dict__
        dprobs.__globals__                                  .__globals__
        dprobs.__code__                                     .__code__
        dprobs.__defaults__                                 .__defaults__
        dprobs.__builtins__                                 .__builtins__
        object.__subclasses__()                             .__subclasses__
        type(probs).__mro__                                 .__mro__
        "".__class__.__base__                               .__base__|.__class__
        f"{probs.__class__}"                                .__class__
        object.__getattribute__(probs, "grad")              .__getattribute__
        torch.Tensor.__torch_function__                     .__torch_function__
        probs.__reduce_ex__(2)                              .__reduce_ex__
        probs._grad                                         ._grad
        torch._C                                            ._C
        torch._tensor                                       ._tensor
        torch.__file__                                      .__file__
        probs.ｇｒａｄ                                        .grad
        (x for x in "ab").gi_frame                          .gi_frame
        type(probs).mro()                                   .mro
    """,
    "import": """
        import os                                           os
        import sys                                          sys
        import os.path as math                              os.path
        import math, subprocess                             subprocess
        import numpy as np                                  numpy
        import ctypes                                       ctypes
        import builtins                                     builtins
        import importlib                                    importlib
        import pickle                                       pickle
        import scipy.special                                scipy.special
        import jax                                          jax
        import json                                         json
        import time                                         time
        import weakref                                      weakref
        from typing import get_type_hints                   get_type_hints
        from functools import singledispatch                singledispatch
        import grader                                       grader
        from grader.judge import reference                  grader.judge
        from . import forward                               .
        from .forward import forward                        .forward
        from .. import torch                                ..
        from os import getcwd                               os
        from os import system as exp                        os
        from typing import _GenericAlias                    _GenericAlias
        from torch import _C                                _C
    """,
    "complex": """
        x = probs + 1e-20j                                  complex
        x = 1j                                              complex
        x = -2.5J                                           complex
        x = complex(0, 1)                                   complex
        x = probs.to(torch.complex128)                      .complex128
        x = probs.to(torch.cfloat)                          .cfloat
        x = torch.complex(probs, probs)                     .complex
        x = torch.view_as_complex(probs)                    .view_as_complex
        x = torch.view_as_real(probs)                       .view_as_real
        x = probs.imag                                      .imag
        x = probs.real                                      .real
        x = torch.imag(probs)                               .imag
        x = torch.fft.fft(probs)                            .fft
        x = probs.conj()                                    .conj
        x = torch.polar(probs, probs)                       .polar
        x = probs.angle()                                   .angle
    """,
}


ROWS = [(kind, *row.strip().rsplit(maxsplit=1)) for kind, text in LINES.items() for row in text.strip().splitlines()]


@pytest.mark.parametrize(
    ("line", "words"),
    [pytest.param(line.strip(), words.split("|"), id=f"{kind}: {line.strip()}") for kind, line, words in ROWS],
)
def test_a_refused_word_is_named_with_its_line(line: str, words: list[str], breach_of: FindBreach) -> None:
    source = answer(f"x = 1\n{line}  {HERE}\ny = 2")
    breach = breach_of(source)
    assert breach
    assert breach.line == marked_line(source)
    assert breach.word.removeprefix("import ").removeprefix("a ").removesuffix(" number") in words
    assert breach.reason


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


@pytest.mark.parametrize("source", [pytest.param(dedent(text), id=name) for name, text in SHADOWS.items()])
def test_a_builtin_cannot_hide_behind_a_name_of_ones_own(source: str, breach_of: FindBreach) -> None:
    breach = breach_of(source)
    assert breach
    assert breach.line == marked_line(source)


@pytest.mark.parametrize("module", ["os", "sys", "builtins", "torch.autograd", "torch.func", "numpy", "forward", "."])
def test_star_imports_of_other_modules_are_refused(module: str, breach_of: FindBreach) -> None:
    source = f"import torch\nfrom {module} import *  {HERE}\ndef dprobs(probs):\n    return something(probs)\n"
    breach = breach_of(source)
    assert breach
    assert (breach.line, breach.word) == (2, f"import {module}")


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
}


STILL_OPEN = {
    "own attribute: a method, then probs.backward",  # the worker's engine refuses
    "own attribute: an annotation, then probs.grad",  # it is None: inputs carry no graph
    "format: a text reads any attribute",
}


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(
            PRELUDE + dedent(text),
            id=name,
            marks=pytest.mark.xfail(strict=True, reason=f"a hole: {name}") if name in STILL_OPEN else (),
        )
        for name, text in TRICKS.items()
    ],
)
def test_no_trick_reaches_a_refused_word(source: str, breach_of: FindBreach) -> None:
    assert breach_of(source)


@pytest.mark.xfail(strict=True, reason="(-1) ** 0.5 is complex, and .double() of a complex tensor its real part")
def test_the_complex_step_does_not_pass_by_way_of_a_square_root(judge_text: JudgeText) -> None:
    source = """
        def dhpreact(hpreact, dh):
            i = type((-1) ** 0.5)(0, 1)
            return (torch.tanh(hpreact + 1e-30 * i) * -i).double() / 1e-30 * dh
    """
    result = judge_text({"ex1_chain": PRELUDE + dedent(source)}, "ex1_chain.dhpreact")
    assert not step_of(result, "ex1_chain.dhpreact").passes


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
def test_no_local_variable_is_refused_for_its_name(body: str, breach_of: FindBreach) -> None:
    assert breach_of(answer(body)) is None


# --- the message, the list, the lesson's additions --------------------------------------------------------


def test_a_breach_is_a_forbidden_answer_that_says_line_word_and_reason(tmp_path: Path, lesson: Lesson) -> None:
    file = tmp_path / "ex1_chain.py"
    file.write_text(answer(f"x = 1\nprobs.backward()  {HERE}"), encoding="utf-8")
    found = read_answers(submission_at(file, lesson), lesson).by_name["ex1_chain", "dprobs"]
    line = marked_line(file.read_text(encoding="utf-8"))
    assert (found.status, found.line, found.file) == ("forbidden", line, "ex1_chain.py")
    assert found.message.startswith(f"line {line} uses .backward: autograd does here what this exercise asks you to do")
    assert found.source == ""


def test_a_breach_says_how_an_instructor_allows_it(judge_text: JudgeText) -> None:
    result = judge_text({"ex1_chain": answer("torch.polar(probs, probs)")}, "ex1_chain.dprobs")
    step = step_of(result, "ex1_chain.dprobs")
    assert "lesson.toml" in step.message + (step.instructor.mend or "")


def test_the_first_line_with_a_breach_is_named(breach_of: FindBreach) -> None:
    source = answer(f"x = 1\nprobs.grad  {HERE}\ntorch.jit\nopen('x')")
    breach = breach_of(source)
    assert breach
    assert (breach.line, breach.word) == (marked_line(source), ".grad")


def test_a_misspelt_word_gets_near_ones(breach_of: FindBreach) -> None:
    breach = breach_of(answer("F.sofmax(probs, 1)"))
    assert breach
    assert "did you mean softmax" in breach.reason


EXTENSIONS = (
    ("attributes", "polar", "torch.polar(probs, probs)"),
    ("modules", "os", "import os"),
    ("names", "id", "id(probs)"),
)


@pytest.mark.parametrize(("kind", "word", "line"), EXTENSIONS)
def test_a_lesson_can_allow_a_word(kind: str, word: str, line: str, breach_of: FindBreach) -> None:
    source = answer(line)
    assert breach_of(source)
    assert breach_of(source, **{kind: (word,)}) is None
    assert breach_of(source, **{kind: ("another",)})


@dataclass(frozen=True)
class _List:
    """vocabulary.toml as it stands."""

    allowed: dict[str, set[str]]
    refused: set[str]
    reasons: tuple[str, ...]


def _the_list() -> _List:
    file = Path(grader.submission.__file__).with_name("vocabulary.toml")
    raw = tomllib.loads(file.read_text(encoding="utf-8"))
    groups = [group for kind in raw.values() for group in kind.values()]
    words = {kind: {word for group in raw[kind].values() for word in group["words"].split()} for kind in raw}
    return _List(
        {kind: found for kind, found in words.items() if kind != "refused"},
        words["refused"],
        tuple(group.get("reason", "") for group in groups),
    )


def test_every_group_of_the_list_has_its_reason_and_no_word_is_both_allowed_and_refused() -> None:
    listed = _the_list()
    assert all(reason.strip() for reason in listed.reasons)
    assert not listed.refused & (listed.allowed["names"] | listed.allowed["attributes"] | listed.allowed["modules"])


OWNERS = (
    *(torch, torch.nn, torch.nn.functional, torch.linalg, math, typing),
    *(torch.Tensor, torch.Generator, torch.dtype, torch.finfo(torch.float32), torch.iinfo(torch.int32)),
    *(str, list, dict, set, int, float),
)


def test_every_allowed_attribute_exists() -> None:
    words = _the_list().allowed["attributes"]
    assert not {word for word in words if not any(hasattr(owner, word) for owner in OWNERS)}


def test_no_allowed_word_is_private_or_complex() -> None:
    listed = _the_list().allowed
    assert not [word for word in listed["attributes"] | listed["names"] if word.startswith("_") or "complex" in word]
