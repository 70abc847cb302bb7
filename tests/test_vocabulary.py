"""What a step may use: each refused word is named with its line, and honest code is left alone."""

from __future__ import annotations

import builtins
import collections
import contextlib
import copy
import dataclasses
import functools
import itertools
import math
import operator
import re
import tomllib
import types
import typing
import warnings
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
from grader.submission.taken import taken_words
from grader.submission.vocabulary import kit_vocabulary
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
        torch.cuda.memory                                   .memory|.cuda
        torch.cuda.empty_cache()                            .empty_cache|.cuda
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
def test_no_trick_reaches_a_refused_word(source: str, breach_of: FindBreach) -> None:
    assert breach_of(source)


def test_a_complex_step_by_way_of_a_square_root_is_forbidden(judge_text: JudgeText) -> None:
    source = """
        def dhpreact(hpreact, dh):
            i = type((-1) ** 0.5)(0, 1)
            return (torch.tanh(hpreact + 1e-30 * i) * -i).double() / 1e-30 * dh
    """
    result = judge_text({"ex1_chain": PRELUDE + dedent(source)}, "ex1_chain.dhpreact")
    assert step_of(result, "ex1_chain.dhpreact").verdict == "forbidden"


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
    *(torch, torch.nn, torch.nn.functional, torch.linalg, torch.special, math, typing, torch.device("cpu")),
    *(torch.Tensor, torch.Generator, torch.dtype, torch.finfo(torch.float32), torch.iinfo(torch.int32)),
    *(str, list, dict, set, int, float, range, property, Exception, (_ for _ in ()), print),
    *(functools, itertools, collections, dataclasses, operator, copy, functools.lru_cache(abs)),
    *(collections.deque, collections.Counter, collections.OrderedDict, collections.defaultdict),
    collections.namedtuple("Pair", "left right"),
)


def test_every_allowed_attribute_exists() -> None:
    words = _the_list().allowed["attributes"]
    assert not {word for word in words if not any(hasattr(owner, word) for owner in OWNERS)}


def test_no_allowed_word_is_private_or_complex() -> None:
    listed = _the_list().allowed
    words = listed["attributes"] | listed["names"]
    assert {word for word in words if word.startswith("_")} == {"_asdict", "_fields", "_replace"}  # of named tuples
    assert not [word for word in words if "complex" in word]


# What a step can lay hands on: torch, Python, and objects of every kind that the words give.
HANDS = {
    "torch": torch, "nn": torch.nn, "F": torch.nn.functional, "functional": torch.functional, "linalg": torch.linalg,
    "math": math, "tensor": torch.ones(3, 3), "generator of numbers": torch.Generator(), "function": lambda: 0,
    "float": 1.5, "int": 1, "text": "a", "list": [1], "dict": {1: 2}, "set": {1}, "generator": (_ for _ in ()),
    "iterator": iter([1]), "partial": functools.partial(print), "cached": functools.lru_cache(print),
    "property": property(print), "error": ValueError("x"), "module": torch.nn.Softmax(0), "mode": torch.no_grad(),
    "dtype": torch.float64, "size": torch.Size([1]), "limits": torch.finfo(torch.float32), "slice": slice(1),
    "device": torch.device("cpu"), "pair": torch.ones(3, 3).max(1), "hint": list[int], "bytes": b"x",
    "variable of types": typing.TypeVar("T"), "super": super(bool, True), "range": range(3), "class": int,
    "default dict": collections.defaultdict(int), "deque": collections.deque(), "method": torch.ones(3).sum,
    "static": staticmethod(print), "bound to a class": classmethod(print), "not": NotImplemented, "dots": ...,
    **{module.__name__: module for module in (typing, functools, itertools, collections, dataclasses, operator, copy)},
}  # fmt: skip


def _reached() -> dict[str, object]:
    """What the allowed words lead to from there, three dots deep, one thing of each kind and name."""
    vocabulary = kit_vocabulary()
    names = {name: getattr(builtins, name) for name in vocabulary.names}
    found: dict[object, tuple[str, object]] = {}
    waiting: list[tuple[str, object]] = list({**HANDS, **names}.items())
    while waiting:
        path, thing = waiting.pop()
        is_single = isinstance(thing, type | types.ModuleType | types.FunctionType)
        key = id(thing) if is_single else (type(thing), getattr(thing, "__name__", ""))
        if key in found:
            continue
        found[key] = path, thing
        module = thing.__name__ if isinstance(thing, types.ModuleType) else ""
        words = vocabulary.imports.get(module, vocabulary.attributes | vocabulary.methods)
        for word in words if path.count(".") < 3 else ():
            with contextlib.suppress(Exception), warnings.catch_warnings(action="ignore"):
                waiting.append((f"{path}.{word}", getattr(thing, word)))
    return dict(found.values())


def test_the_allowed_words_lead_to_no_other_module() -> None:
    modules = {thing.__name__ for thing in _reached().values() if isinstance(thing, types.ModuleType)}
    vocabulary = kit_vocabulary()
    assert modules <= vocabulary.modules | set(vocabulary.imports) | {"torch.cpu"}


def _leads_nowhere(thing: object) -> bool:
    """Layers, containers, hints and errors: whatever their words, none of them opens a way out."""
    kind = thing if isinstance(thing, type) else type(thing)
    return kind.__module__ in ("typing", "collections", "functools", "itertools") or issubclass(
        kind, torch.nn.Module | BaseException | torch.no_grad | bytes | tuple
    )


def test_every_other_word_of_what_is_reached_is_known_as_taken() -> None:
    """So a class with an attribute `os` opens no way to torch.os."""
    known = taken_words()
    open_words: dict[str, list[str]] = {}
    for path, thing in _reached().items():
        module = thing.__name__ if isinstance(thing, types.ModuleType) else ""
        if module not in kit_vocabulary().imports and not _leads_nowhere(thing):
            for word in dir(thing):
                if word not in known and not (word.startswith("__") and word.endswith("__")):
                    open_words.setdefault(word, []).append(path)
    assert open_words == {}
