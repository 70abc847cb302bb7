"""The compiler of the language: what it makes does what Python does, and the audit finds what it would forget."""

from __future__ import annotations

import ast
from textwrap import dedent
from typing import Any

import pytest

from grader.runner.language import (
    Overrun,
    Refusal,
    bound_names,
    budget,
    compiled,
    namespace,
    own_facade,
    taken_refusals,
    turns_used,
    was_overrun,
)
from grader.runner.language.audit import Unguarded, check


def run(source: str, **more: Any) -> dict[str, Any]:
    """The names that a program binds."""
    names = namespace(**more)
    exec(compiled(ast.parse(dedent(source)), "ex.py", dedent(source)), names)
    return {name: names[name] for name in bound_names(names)}


# Programs whose `out` is what Python gives.
SAME = {
    "targets": "class A: pass\na = A()\nb = [0, 0, 0]\na.x, b[1], *a.rest = 1, 2, 3, 4\nout = a.x, b, a.rest",
    "chained targets": "b = {}\nc = b['x'] = d = [1]\nout = c is d is b['x'], b",
    "an index that is bound just before": "x = [0, 0]\ni = 0\ni, x[i] = 1, 5\nout = x",
    "an index that is bound just after": "x = [0, 0]\ni = 0\nx[i], i = 5, 1\nout = x",
    "loop targets": "x = [0, 0]\nd = {}\nfor x[0], d['k'] in [(1, 2), (3, 4)]: pass\nout = x, d",
    "with targets": "class C:\n    def __enter__(self): return 7\n    def __exit__(self, *_): pass\nx = [0]\n"
    "with C() as x[0]: pass\nout = x",
    "augmented items": "x = [1, [2]]\nx[0] += 5\nx[1] += [3]\nx[0] **= 2\nx[0] %= 7\nout = x",
    "an augmented item that its value changes": "x = [1]\ndef f():\n    x[0] = 10\n    return 1\nx[0] += f()\nout = x",
    "augmented attributes": "class A: n = 1\na = A()\na.n += 2\na.n <<= 1\nout = a.n, A.n",
    "augmented names": "x = 7\nx %= 4\nx **= 3\nx //= 2\nout = x",
    "slices": "x = list(range(9))\ny = x[1:7:2], x[::-1], x[-2:]\nx[2:4] = 'ab'\ndel x[0], x[-1:]\nout = x, y",
    "deletions": "class A: pass\na = A()\na.x = a.y = 1\nb = {1: 2}\nc = 3\ndel a.x, (b[1], c)\nout = hasattr(a, 'x'), b",
    "texts": "x, w = 3.14159, 8\nout = f'{x:{w}.2f}|{x!r:>10}|{w=}|{{}}|' f'{\"a\"!s}' + '%d %s' % (w, x)",
    "comprehensions": "out = [(i, j) for i in range(3) if i for j in range(i)], {i: -i for i in 'ab' if i}"
    .replace("-i", "i * 2"),
    "closures": "def f(n):\n    def g():\n        nonlocal n\n        n += 1\n        return n\n    return g\n"
    "g = f(1)\nout = g(), g()",
    "defaults and stars": "def f(a, /, b=2, *c, d=4, **e): return a, b, c, d, e\nout = f(1, *[2, 3], d=5, **{'x': 6})",
    "a method and super": "class A:\n    def f(self): return 1\nclass B(A):\n    def f(self): return super().f() + 1\n"
    "class C(B):\n    def f(self): return super(C, self).f() * 10\nout = C().f()",
    "mangled names": "class A:\n    __n = 1\n    def __g(self): return self.__n\n    def f(self): return self.__g()\n"
    "out = A().f(), A._A__n",
    "properties": "class A:\n    def __init__(self): self._x = 1\n    @property\n    def x(self): return self._x\n"
    "    @x.setter\n    def x(self, v): self._x = v * 2\na = A()\na.x = 4\na.x += 1\nout = a.x",
    "match": "def f(x):\n    match x:\n        case []: return 0\n        case [a, *_, b]: return a, b\n"
    "        case {'k': [c, _], **r}: return c, r\n        case 'x' | 'y' as t: return t\n        case None: return -1\n"
    "        case n if n: return n\n        case _: return '?'\n"
    "out = [f(x) for x in ([], [1, 2, 3], {'k': [1, 2], 'l': 3}, 'y', None, 5, 0)]",
    "exceptions": "def f(x):\n    try:\n        return 1 / x\n    except ZeroDivisionError as e:\n        return str(e)\n"
    "    except: return 'other'\n    finally: seen.append(x)\nseen = []\nout = f(2), f(0), f('a'), seen",
    "generators": "def f():\n    got = yield 1\n    yield from [got, 3]\ng = f()\nout = [next(g), g.send(2), *g]",
    "a while loop with else": "n = 0\nwhile n < 3: n += 1\nelse: n = -n\nout = n",
    "a lambda": "f = lambda *a, k=2: [x * k for x in a]\nout = f(1, 2), (lambda: 0)()",
    "a walrus": "out = [y := 3, y ** 2, [z for x in range(4) if (z := x) % 2]], z",
    "operators as methods": "class V:\n    def __init__(self, n): self.n = n\n    def __add__(self, o): return V(self.n + o.n)\n"
    "    __radd__ = __add__\n    def __eq__(self, o): return self.n == o.n\n    def __pow__(self, k): return V(self.n ** k)\n"
    "out = (V(1) + V(2)).n, V(1) == V(1), (V(3) ** 2).n",
    "hints without values": "x: int\ny: list[int] = [1]\nclass A:\n    z: float\nout = y, hasattr(A, 'z')",
    "nested functions of the same name": "def f():\n    def f(): return 2\n    return f() + 1\nout = f()",
    "attributes of functions": "def f(): f.n += 1\nf.n = 0\nf()\nf()\nout = f.n, f.__name__",
    "vars": "class A:\n    def __init__(self, **k): self.__dict__.update(k)\na = A(x=1)\nvars(a)['y'] = 2\nout = a.x, a.y, sorted(vars(a))",
}  # fmt: skip


@pytest.mark.parametrize("source", SAME.values(), ids=SAME)
def test_a_program_does_what_python_does(source: str) -> None:
    plain: dict[str, Any] = {}
    exec(compile(source, "ex.py", "exec"), plain)
    taken_refusals()  # of other tests in this process
    assert run(source)["out"] == plain["out"]
    assert taken_refusals() == ()


def test_a_statement_is_compiled_by_itself_and_leaves_nothing_else_behind() -> None:
    names = namespace()
    for statement in ast.parse("import torch\na, b = [1, 2]\nc = [0]\nc[0], a = 5, 6\nx = torch.ones(2)").body:
        exec(compiled(statement, "ex.py"), names)
    assert bound_names(names) == ["torch", "a", "b", "c", "x"]
    assert names["c"] == [5]


def test_a_students_own_files_are_modules() -> None:
    own: dict[str, Any] = {}
    helpers = namespace("helpers")
    exec(compiled(ast.parse("def twice(x): return 2 * x\n_private = 1"), "helpers.py"), helpers)
    own["helpers"] = own_facade("helpers", helpers)
    source = "import helpers\nfrom helpers import twice\nfrom .helpers import *\nout = helpers.twice(2) + twice(3)"
    assert run(source, own=own)["out"] == 10


def test_turns_are_counted_alike_and_end_a_program() -> None:
    source = "for i in range(10):\n    [j for j in range(3)]\ndef f(): return 1\nf()"
    used = []
    for _ in range(2):
        budget(1_000)
        run(source)
        used.append(turns_used())
    assert used == [41, 41]
    budget(20)
    with pytest.raises(Overrun):
        run(source)
    assert was_overrun()
    budget(None)


def test_a_refusal_has_its_facts() -> None:
    taken_refusals()
    with pytest.raises(Refusal):
        run("import torch\n\ny = torch.autograd.grad(1)")
    (facts,) = taken_refusals()
    assert (facts.line, facts.what) == (3, "torch.autograd")
    assert taken_refusals() == ()


UNGUARDED = (
    "x.a", "x.a = 1", "del x.a", "x[0]", "x[0] = 1", "del x[0]", "x[1:2]", "import os", "from os import *",
    "from os import path", "a ** b", "a **= b", "a % b", "f'{x}'", "f'{x!r:3}'", "__builtins__", "x = 1j",
    "def f(): return x.a", "class A: x = [y.b for y in z]", "match x:\n case int(): pass", "async def f(): pass",
    "def f(__builtins__): global __name__; __name__ = 1", "lambda: x.a", "x.a += 1",
)  # fmt: skip


@pytest.mark.parametrize("source", UNGUARDED)
def test_the_audit_finds_what_python_itself_would_do(source: str) -> None:
    with pytest.raises(Unguarded):
        check(compile(source, "ex.py", "exec"))


def test_the_audit_finds_a_guard_that_is_bound() -> None:
    tree = ast.parse("get = 1\ndef f(get): return get")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = ":get"
    with pytest.raises(Unguarded):
        check(compile(tree, "ex.py", "exec"))
