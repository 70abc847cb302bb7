"""Programs written against the language by people who know its source.

Each tries to lay hands on something outside of it, and says so with `got(...)`: a module, a frame, a class of the
interpreter, code, a function that makes code of texts, a complex number, a tensor with a graph. They run in the
language alone, in this process, so that nothing else can be what stops them.
"""

from __future__ import annotations

import ast
import types
from textwrap import dedent

import pytest
import torch

from grader.runner.language import Overrun, Refusal, budget, compiled, namespace, taken_refusals

_LEAKED: list[object] = []
_DANGEROUS = (
    types.ModuleType, types.FrameType, types.CodeType, types.TracebackType, types.MappingProxyType, complex,
    types.CellType, type(types.FunctionType.__dict__["__globals__"]), type(types.FunctionType.__dict__["__code__"]),
)  # fmt: skip
_NEVER = {id(thing) for thing in (eval, exec, compile, open, __import__, type, getattr, setattr, globals, vars, super)}


def _is_dangerous(thing: object) -> bool:
    if id(thing) in _NEVER or isinstance(thing, _DANGEROUS) or thing is object.__getattribute__:
        return True
    if isinstance(thing, type) and issubclass(thing, type):
        return True
    if isinstance(thing, torch.Tensor):
        return thing.is_complex() or thing.requires_grad or thing.grad_fn is not None or thing.is_sparse
    if isinstance(thing, dict):
        return "__builtins__" in thing
    return False


def got(*things: object) -> None:
    """What a program reached."""
    for thing in things:
        parts = [thing, *(thing if isinstance(thing, list | tuple | set) else ())]
        if isinstance(thing, dict):
            parts += [*thing, *thing.values()]
        _LEAKED.extend(part for part in parts if _is_dangerous(part))


def run(source: str) -> tuple[list[object], str]:
    """What a program leaked, and how it ended."""
    _LEAKED.clear()
    taken_refusals()
    budget(200_000)
    names = {**namespace(), "got": got, "x": torch.rand(3, 4), "torch_x": torch.rand(3)}
    ended = "well"
    try:
        exec(compiled(ast.parse(source), "attack.py", source), names)
    except (Exception, Refusal, Overrun) as error:
        ended = f"{type(error).__name__}: {error}"
    finally:
        budget(None)
    for name, value in names.items():
        if name.isidentifier() and name not in ("__builtins__", "__name__", "got"):
            got(value)
    return list(_LEAKED), ended


ATTACKS: dict[str, str] = {
    # names
    "builtins by name": "got(__builtins__)",
    "import by name": "got(__import__('os'))",
    "builtins in full width letters": "got(__ｂｕｉｌｔｉｎｓ__)",
    "eval in full width letters": "got(ｅｖａｌ)\nｅｖａｌ('1')",
    "an attribute in full width letters": "got(x.ｇｒａｄ)",
    "a global named like the interpreter's": "global __builtins__\n__builtins__ = {'print': eval}\ngot(__builtins__)",
    "an import as the builtins": "import math as __builtins__\nimport torch as __name__\ndef f(): return open\ngot(f())",
    "a class named like the builtins": "class __builtins__: pass\ndef f(): return len('a')\ngot(f())",
    "an exception named like the builtins": "try: 1/0\nexcept ZeroDivisionError as __builtins__: pass\ndef f(): return len('')\nf()",
    "a pattern binds the builtins": "match [1]:\n    case [__builtins__]: pass\ndef f(): return len('')\ngot(f())",
    "a walrus binds the builtins": "[(__builtins__ := {}) for _ in [1]]\ndef f(): return len('')\ngot(f())",
    "a loop binds the builtins": "for __builtins__ in [{}]: pass\ndef f(): return len('')\ngot(f())",
    "a parameter binds the builtins": "def f(__builtins__): return len('')\ngot(f({}))",
    "deletes the builtins": "del __builtins__",
    "names that are mangled into something": "class builtins__:\n    def f(self): return __builtins__\ngot(builtins__().f())",
    "private names of another class": "class A:\n    def __init__(self): self.__x = 1\nclass B(A):\n    def f(self): return self._A__x\ngot(B().f())",
    "the class cell": "class A:\n    def f(self): return __class__\nk = A().f()\ngot(type(k))\ngot(k.__class__)",
    # attributes of functions, methods, generators, frames
    **{
        f"a function's {name}": f"def f(): pass\ngot(f.{name})"
        for name in ("__globals__", "__code__", "__closure__", "__builtins__", "__dict__", "__defaults__", "__kwdefaults__",
                     "__get__", "__call__", "__class__", "__module__", "__annotations__", "__init__", "__self__")
    },
    **{
        f"a generator's {name}": f"g = (i for i in 'ab')\ngot(g.{name})"
        for name in ("gi_frame", "gi_code", "gi_yieldfrom", "throw", "__next__", "__class__")
    },
    "a lambda's globals in its default": "f = lambda a=(lambda: 0).__globals__: a\ngot(f())",
    "a method's function": "class A:\n    def f(self): pass\ngot(A().f.__func__, A().f.__self__)",
    "a method's globals": "class A:\n    def f(self): pass\ngot(A().f.__globals__)",
    "a builtin's module": "got(print.__self__)",
    "a bound method of a tensor": "got(x.sum.__self__, x.sum.__func__)",
    "torch's python functions": "import torch.nn.functional as F\ngot(F.softmax.__globals__)",
    "torch's python functions, by getattr": "import torch.nn.functional as F\ngot(getattr(F.softmax, '__glob' + 'als__'))",
    "a partial's parts": "from functools import partial\np = partial(eval, '1')\ngot(p.func, p.args)\np()",
    "a cached function's": "from functools import lru_cache\n@lru_cache\ndef f(): return 1\ngot(f.__wrapped__)\ngot(f.__dict__)",
    "a staticmethod's": "class A:\n    @staticmethod\n    def f(): pass\ngot(staticmethod(len).__func__)\ngot(A.__dict__)",
    "a property's": "p = property(lambda self: 1)\ngot(p.fget)",
    "wraps reads": "from functools import wraps\nimport torch.nn.functional as F\n@wraps(F.softmax)\ndef f(): pass\ngot(f.__wrapped__, f.__globals__)",
    "wraps of a module": "from functools import wraps\nimport torch\n@wraps(torch)\ndef f(): pass\ngot(f.__dict__, f.autograd)",
    "vars of a function": "def f(): pass\ngot(vars(f), vars(f).get('__wrapped__'))",
    "vars of a class": "class A: pass\ngot(vars(A))",
    "vars of a module": "import torch\ngot(vars(torch))",
    "vars of an object, changed": "class A: pass\na = A()\nvars(a)['__class__'] = int\nvars(a)['__array_interface__'] = {}\na.__dict__.update({'__deepcopy__': 1})\ngot(hasattr(a, '__deepcopy__'))",
    # classes
    "type of a type": "got(type(int), type(type(int)))",
    "type with three arguments": "got(type('A', (), {}))",
    "the type of a function": "import torch\ndef f(): pass\nk = type(f)\nk(1)",
    "mro": "got(int.mro(), int.__mro__)",
    "subclasses": "got(object.__subclasses__())",
    "bases": "class A: pass\ngot(A.__bases__, A.__base__)",
    "a class of a class": "class A: pass\ngot(A.__class__)",
    "a class of a class of an object": "class A: pass\ngot(A().__class__.__class__)",
    "a base that is type": "class A(type): pass",
    "a base that is a tensor": "import torch\nclass A(torch.Tensor): pass",
    "a base that is a list": "class A(list): pass",
    "a base that is str": "class A(str):\n    def __eq__(self, o): return True",
    "a base with entries": "class A:\n    def __mro_entries__(self, b): return (type,)\nclass B(A()): pass",
    "a base that is a facade": "import torch\nclass A(torch): pass",
    "a base that is partial": "from functools import partial\nclass A(partial): pass",
    "a metaclass": "class A(metaclass=type): pass",
    "a metaclass of one's own": "class A:\n    def __call__(self, n, b, d): got(d)\nclass B(metaclass=A()): pass",
    "class keywords by stars": "class A(**{'metaclass': print}): pass",
    "init_subclass": "class A:\n    def __init_subclass__(cls): got(cls)\n",
    "set_name": "class A:\n    def __set_name__(self, owner, name): got(type(owner))\n",
    "class_getitem": "class A:\n    def __class_getitem__(cls, i): got(i)\n",
    "getattribute": "class A:\n    def __getattribute__(self, n): got(n)\n",
    "a descriptor": "class D:\n    def __get__(self, o, k): got(k)\nclass A:\n    d = D()\ngot(A().d)",
    "new": "class A:\n    def __new__(cls): return 1\n",
    "a lambda for a refused method": "class A:\n    __getattr__ = lambda self, n: n\ngot(A().anything)",
    "a refused method set later": "class A: pass\nA.__getattr__ = lambda self, n: n",
    "a refused method by setattr": "class A: pass\nsetattr(A, '__getattr__', print)",
    "torch_function set later": "class A: pass\nsetattr(A, '__torch_' + 'function__', print)",
    "the class of an object": "class A: pass\na = A()\na.__class__ = int",
    "slots": "class A:\n    __slots__ = ('__dict__',)\na = A()\na.x = 1\ngot(a.__slots__)",
    "match args": "class A:\n    __match_args__ = ('__globals__',)\nmatch print:\n    case A(g): got(g)",
    "super of something else": "got(super(int, 3))",
    "super's own": "class A:\n    def f(self):\n        s = super()\n        got(s.__self__, s.__thisclass__)\nA().f()",
    "super to object's methods": "class A:\n    def f(self): return super().__getattribute__('__dict__')\ngot(A().f())",
    "super reduce": "class A:\n    def f(self): return super().__reduce_ex__(2)\ngot(A().f())",
    "super class": "class A:\n    def f(self): return super().__class__\ngot(type(A().f()))",
    "object's methods by the class": "class A: pass\ngot(A.__init__.__globals__)\ngot(object.__getattribute__)",
    "exceptions' own": "class E(Exception): pass\ne = E(1)\ngot(e.__traceback__, e.__context__, e.__cause__)",
    "a decorator gets a class": "def d(k):\n    got(k.__dict__, k.__bases__)\n    return k\n@d\nclass A: pass",
    "annotations": "class A:\n    a: int\ngot(A.__annotations__)",
    # dataclasses and named tuples
    "a field's name as code": "from dataclasses import make_dataclass\nmake_dataclass('A', ['a'])",
    "a dataclass with a refused field": "from dataclasses import dataclass\n@dataclass\nclass A:\n    __class__: int = 1\n    __array_interface__: dict = None\na = A()\ngot(a.__class__, a.__array_interface__)",
    "a dataclass's fields": "from dataclasses import dataclass, fields\n@dataclass\nclass A:\n    a: int = 1\nf = fields(A)[0]\ngot(f.default, f.factory, f.__class__)\nf.name = '__class__'",
    "a field that is changed": "from dataclasses import dataclass, field\nf = field(default=1)\nf.name = 'eval'",
    "replace of something else": "from dataclasses import replace\ngot(replace(print, a=1))",
    "a named tuple's name": "from collections import namedtuple\nnamedtuple('A; import os', 'a')",
    "a named tuple's fields": "from collections import namedtuple\nnamedtuple('A', ['a, __import__(\"os\")'])",
    "a named tuple's refused field": "from collections import namedtuple\nnamedtuple('A', ['__class__'], rename=False)",
    "a named tuple's module": "from collections import namedtuple\nnamedtuple('A', 'a', module='os')",
    "a named tuple's insides": "from collections import namedtuple\nA = namedtuple('A', 'a')\ngot(A.__new__, A._make.__func__)",
    "a text that says another text": "class T:\n    def __str__(self): return '__class__'\nfrom collections import namedtuple\nnamedtuple('A', [T()])",
    "_replace of a named tuple": "from collections import namedtuple\nA = namedtuple('A', 'a')\nA(1)._replace(__class__=int)",
    "a NamedTuple's methods": "from typing import NamedTuple\nclass A(NamedTuple):\n    a: int\n    def f(self): return self.__class__\ngot(type(A(1).f()))\ngot(A(1).__dict__)",
    "a TypedDict": "from typing import TypedDict\nclass A(TypedDict): a: int\ngot(type(A))",
    # texts
    "format reads": "got('{0.__globals__}'.format(got))",
    "format reads deeper": "got('{0[0].__class__.__mro__}'.format([1]))",
    "format in a field": "'{0:{1.__class__}}'.format(1, 2)",
    "format by the class": "got(str.format('{0.__class__}', 1))",
    "format by getattr": "got(getattr('{0.__class__}', 'for' + 'mat')(1))",
    "format of torch": "import torch\n'{0.autograd}'.format(torch)",
    "format_map": "'{a.__class__}'.format_map({'a': 1})",
    "an f-string": "got(f'{x.__class__}')",
    "an f-string's spec": "f'{1:{x.grad}}'",
    "percent": "class A:\n    def __getitem__(self, k): got(k)\n'%(__class__)s' % A()",
    "a text as a template": "'$x'.__class__",
    "a method given to map": "got(list(map('{0.__class__}'.format, [1])))",
    "str's join of getattr": "''.join(map(getattr, [x], ['grad']))",
    "format with auto-numbers and attributes": "'{.grad}'.format(x)",
    # getattr and friends
    "getattr with a name that lies": "class N:\n    def __eq__(self, o): return True\n    def __hash__(self): return hash('shape')\ngot(getattr(x, N()))",
    "getattr's default swallows": "got(getattr(x, 'grad', None))",
    "hasattr looks": "hasattr(x, 'grad')",
    "setattr on torch": "import torch\nsetattr(torch, 'sum', print)",
    "setattr with a text that is no name": "class A: pass\nsetattr(A(), ':get', 1)",
    "setattr on a guard": "setattr(getattr, 'x', 1)",
    "attributes of the guards": "got(getattr.__globals__, getattr.__code__)",
    "attributes of the kit's dataclass": "from dataclasses import dataclass\ngot(dataclass.__globals__)",
    "attributes of the kit's contexts": "import torch\nc = torch.no_grad()\ngot(c.__class__, c.__enter__.__globals__)",
    "del of a guard": "del getattr.__code__",
    "delattr by any name": "delattr(x, 'data')",
    # operators, functools, itertools
    "attrgetter": "from operator import attrgetter\ngot(attrgetter('grad')(x))",
    "attrgetter of the module": "import operator\ngot(operator.attrgetter('grad')(x))",
    "methodcaller": "from operator import methodcaller\nmethodcaller('backward')(x)",
    "itemgetter of a facade": "from operator import itemgetter\nimport torch\ngot(itemgetter('autograd')(torch))",
    "getitem of a facade": "import torch, operator\ngot(operator.getitem(torch, 'autograd'))",
    "pow of operator": "import operator as o\ngot(o.pow(-1, 0.5))",
    "pow by reduce": "from functools import reduce\ngot(reduce(pow, [-1, 0.5]))",
    "pow in place": "a = -1\na **= 0.5\ngot(a)",
    "pow in place in an item": "a = [-1]\na[0] **= 0.5\ngot(a)",
    "pow by a method": "got((-1.0).__pow__(0.5))",
    "pow by the class": "got(float.__pow__(-1.0, 0.5))",
    "a method of one's own gives a power": "class A:\n    def __rpow__(self, o): return o ** 0.5\ngot((-1) ** A())",
    "complex by sum": "got(sum([1j]))",
    "complex by a text": "got(complex('1j'))",
    "complex by a real number's parts": "got((1.5).imag, (1.5).conjugate())",
    "complex by tensors": "got(x.to('complex64'))",
    "complex by type's text": "got(x.type('torch.ComplexFloatTensor'))",
    "complex by type's text, made elsewhere": "got(x.type(NameError('', name='torch.ComplexDoubleTensor').name))",
    "complex by the dtype of a dtype": "got(x.dtype.to_complex())",
    "complex by torch": "import torch\ngot(torch.complex(x, x), torch.view_as_complex(x.view(3, 2, 2)))",
    "complex by a dtype's text": "import torch\ngot(torch.zeros(3, dtype='complex64'))",
    "complex by the default dtype": "import torch\ntorch.set_default_dtype('complex64')",
    "complex by sqrt of a tensor": "import torch\ngot(torch.sqrt(-x), (-x) ** 0.5, torch.pow(-x, 0.5))",
    "complex by eigenvalues": "import torch\ngot(torch.linalg.eig(x[:, :3]))",
    "complex by fft": "import torch\ngot(torch.fft.fft(x))",
    "complex by numpy": "import numpy as np\ngot(np.sqrt(-1))",
    "complex by numpy's types": "import numpy as np\ngot(np.complex128)",
    "a graph": "import torch\ngot(torch.ones(3, requires_grad=True))",
    "a graph by stars": "import torch\ngot(torch.ones(3, **{'requires_grad': True}))",
    "a graph by a dict of one's own": "import torch\nclass A:\n    def keys(self): return ['requires_grad']\n    def __getitem__(self, k): return True\ngot(torch.ones(3, **A()))",
    "a graph by partial": "from functools import partial\nimport torch\ngot(partial(torch.ones, requires_grad=True)(3))",
    "a graph by a lying switch": "import torch\nclass A:\n    n = 0\n    def __bool__(self):\n        self.n += 1\n        return self.n > 1\ngot(torch.ones(3, requires_grad=A()))",
    "a graph by requires_grad_": "got(x.clone().requires_grad_())",
    "a graph by set": "y = x.clone()\ny.requires_grad = True\ngot(y)",
    "a sparse tensor": "got(x.to_sparse())",
    "a sparse tensor by layout": "import torch\ngot(torch.zeros(3, 3, layout=torch.sparse_coo))",
    # imports
    "import os": "import os\ngot(os.system)",
    "an import through torch": "import torch.os",
    "a module in a module": "import torch\ngot(torch.os, torch.sys)",
    "a module in functools": "import functools\ngot(functools.types)",
    "a star import of a module": "from torch import *\ngot(os, sys, torch)",
    "a star import brings a refused name": "from torch import *\nload('x')",
    "a relative import": "from . import os\ngot(os)\nos.system",
    "an import by dots": "from ..torch import _C\n_C.x",
    "torch's private module": "from torch import _C\ngot(_C)\n_C._set_grad_enabled",
    "a name that looks like a module": "import torch as t\ngot(t.nn.modules)",
    "the modules of typing": "import typing\ngot(typing.sys, typing.functools)",
    "get_type_hints": "import typing\ntyping.get_type_hints(print)",
    "a copied facade": "import copy, torch\nt = copy.deepcopy(torch)\ngot(t.autograd)",
    "a changed facade": "import torch\ntorch.autograd = 1",
    "a facade's insides": "import torch\ngot(torch.values, torch.real)",
    "a facade's insides by vars": "import math\ngot(math.__dict__)",
    "a placeholder's insides": "import os\ngot(os.reason, os.refuse.__globals__)",
    # exceptions
    "a traceback": "try: 1/0\nexcept ZeroDivisionError as e: got(e.__traceback__)",
    "a traceback's frame": "try: 1/0\nexcept ZeroDivisionError as e: got(e.with_traceback(None), e.__traceback__.tb_frame)",
    "with_traceback": "try: 1/0\nexcept ZeroDivisionError as e: got(e.with_traceback)",
    "the traceback of __exit__": "class A:\n    def __enter__(self): pass\n    def __exit__(self, k, e, t):\n        got(t.tb_frame)\n        return True\nwith A(): 1/0",
    "an exception's name": "try: nothing\nexcept NameError as e: got(e.name)",
    "an exception's object": "try: x.clnoe\nexcept AttributeError as e: got(e.obj)",
    "an exception's value": "def f():\n    yield 1\n    return eval\ng = f()\nnext(g)\ntry: next(g)\nexcept StopIteration as e: got(e.value)",
    "an exception group": "try: raise ExceptionGroup('a', [ValueError(1)])\nexcept* ValueError as e: got(e.exceptions, e.split)",
    "an exception's notes": "e = ValueError(1)\ne.add_note('a')\ngot(e.__notes__)",
    "a refusal is caught": "try: x.grad\nexcept BaseException as e: got(e)\ngot(e)",
    "a refusal's facts": "class A:\n    def __enter__(self): pass\n    def __exit__(self, k, e, t):\n        self.k, self.e = k, e\n        return True\na = A()\nwith a: x.grad\ngot(a.e.facts, a.e.__class__)",
    "a refusal raised again": "class A:\n    def __enter__(self): pass\n    def __exit__(self, k, e, t):\n        self.k = k\n        return True\na = A()\nwith a: x.grad\ntry: raise a.k(1)\nexcept a.k: pass",
    # containers, iteration, matching
    "iterating over a class": "for i in int: got(i)",
    "unpacking a class": "a, *b = int",
    "a generic alias": "a = list[int]\ngot(a.__origin__, a.__class__)",
    "a union": "a = int | str\ngot(a.__args__, a.__class__)",
    "a dict that lies": "class D:\n    def keys(self): return ['a']\n    def __getitem__(self, k): return eval\ndef f(**k): return k\ngot(f(**D()))",
    "a class pattern": "match x:\n    case object(grad=g): got(g)",
    "a class pattern by place": "match 'a':\n    case str(s): got(s.__class__)",
    "a class pattern of what is refused": "match got:\n    case object(__globals__=g) | object(__code__=g): got(g)",
    "a class pattern's places": "class A:\n    __match_args__ = ('__class__', '__globals__')\n    def f(self): pass\nmatch A():\n    case A(a, b): got(type(a), b)",
    "a class pattern's places set later": "from collections import namedtuple\nclass A(namedtuple('B', 'a')): pass\nA._fields = ('__class__',)\nmatch A(1):\n    case A(k): got(type(k), k.__mro__)",
    "a class pattern on a facade": "import torch\nmatch torch:\n    case object(real=r): got(r)\n    case object(values=v): got(v)",
    "a class pattern binds the builtins": "match 1:\n    case int(__builtins__): pass\ndef f(): return open\ngot(f())",
    "a dotted pattern": "match x:\n    case x.grad: pass",
    "a mapping pattern on a facade": "import torch\nmatch torch:\n    case {'autograd': a}: got(a)",
    "a key of a dict of defaults": "from collections import defaultdict\nd = defaultdict(eval)\nd['a']",
    "an ordered dict's parts": "from collections import OrderedDict\ngot(OrderedDict.__init__.__globals__)",
    "a counter's class": "from collections import Counter\ngot(Counter.__init__.__globals__, Counter.fromkeys)",
    "a Counter of attributes": "from collections import Counter\nc = Counter('ab')\ngot(c.__dict__, c._keep_positive)",
    "sorted by a key": "got(sorted([x], key=lambda t: t.grad))",
    "max by getattr": "got(max([x], key=lambda t: getattr(t, 'grad')))",
    "map over getattr": "got(list(map(getattr, [x], ['grad'])))",
    "a callback in torch": "class A:\n    def __index__(self): return 1\n",
    "a float in torch": "class A:\n    def __float__(self): return 1.0\n",
    "an array in torch": "class A:\n    __array__ = print\nimport torch\ngot(torch.tensor(A()))",
    "an array interface in torch": "class A: pass\na = A()\na.__array_interface__ = {'shape': (1,), 'typestr': '<f8', 'data': (1, True)}",
    "a buffer": "import torch\ntorch.frombuffer(b'12345678')",
    "bytes": "got(b'a'.__class__, bytes(3), b'a'.hex)",
    # torch
    "torch's storage": "got(x.untyped_storage(), x.storage())",
    "torch's pointer": "x.data_ptr()",
    "torch's numpy": "got(x.numpy())",
    "apply_": "x.apply_(eval)",
    "a hook": "x.register_hook(print)",
    "a module with hooks": "import torch.nn as nn\nm = nn.Softmax(0)\nm.register_forward_hook(print)\n",
    "a module's parts": "import torch.nn as nn\ngot(nn.Tanh().__class__, nn.Tanh()._modules)",
    "a module class's parts": "import torch.nn as nn\ngot(nn.Tanh.__init__.__globals__, nn.Module)",
    "a class derived from a module": "import torch.nn as nn\nclass A(nn.Tanh): pass",
    "a tensor's class": "import torch\ngot(torch.Tensor.__mro__, torch.Tensor._make_subclass)",
    "a tensor's method from the class": "import torch\ngot(torch.Tensor.backward, torch.Tensor.grad)",
    "a tensor's class by type": "got(type(x).backward)",
    "a device's type": "import torch\ngot(torch.device('cpu').__class__)",
    "set_": "x.set_(x)",
    "resize_ shows memory": "x.resize_(1000)",
    "the generator's state": "import torch\ngot(torch.Generator().get_state())",
    "einsum's text": "import torch\ntorch.einsum('ij->' + chr(0), x)",
    "a return type's parts": "got(x.max(0).__class__, x.max(0).__reduce__)",
    "a return type's class": "k = type(x.max(0))\nk([1, 2])",
    "set_printoptions's profile": "import torch\ngot(torch.set_printoptions.__globals__)",
    "finfo's parts": "import torch\ngot(torch.finfo(torch.float32).dtype.__class__)",
    "torch's size": "got(x.shape.__class__, x.shape.__reduce__)",
    "embedding_bag": "import torch.nn.functional as F\nF.embedding_bag(x, x.long())",
    "lu_solve": "import torch\ntorch.linalg.lu_solve(x, x, x)",
    # copies
    "deepcopy's protocol": "import copy\nclass A: pass\na = A()\na.__deepcopy__ = print",
    "reduce": "class A:\n    def __reduce_ex__(self, n): return eval, ('1',)\n",
    "deepcopy of a generator": "import copy\ncopy.deepcopy(i for i in 'a')",
    "deepcopy of a placeholder": "import copy, os\ngot(copy.deepcopy(os))",
    "deepcopy's memory": "import copy\nm = {}\ncopy.deepcopy(x, m)\ngot(m)",
    "an attribute behind one of one's own": "class A:\n    split = subgroup = 1\nclass E(ExceptionGroup, A): pass\ngot(E('a', [ValueError(1)]).split)",
    "an enumeration's table": "from enum import Enum\nclass A(Enum): x = 1\ngot(A.__members__, A.__class__, A.x.__class__, type(A))\nA.y = 2",
    "an enumeration's hooks": "from enum import Enum\nclass A(Enum):\n    __getattr__ = print\n    _missing_ = eval\n    x = 1\ngot(A(2))",
    "an enumeration of texts": "from enum import Enum\nclass A(str, Enum): x = 'a'",
    "a module of the library": "import contextlib, logging, time\ngot(contextlib.sys, logging.os, time.__dict__, contextlib.wraps.__globals__)",
    "the true modules of the library": "import sys, types\ngot(sys.modules, sys._getframe, types.FunctionType)",
    "the library's globals": "from contextlib import contextmanager\ngot(contextmanager.__globals__, contextmanager.__code__)",
    "attrgetter of what is refused": "from operator import attrgetter\ngot(attrgetter('__class__.__mro__')(x))",
    "methodcaller of what is refused": "from operator import methodcaller\ngot(methodcaller('requires_grad_')(x))",
    "throw with a traceback": "def f():\n    try: yield\n    except ValueError as e: got(e.__traceback__)\ng = f()\nnext(g)\ng.throw(ValueError)",
    # turns
    "an endless loop": "while True: pass",
    "an endless recursion in a comprehension": "from itertools import count\n[i for i in count()]",
    "an overrun is swallowed": "def f():\n    while True:\n        try:\n            while True: pass\n        except Exception: pass\n        finally: continue\nf()",
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_reaches_anything(name: str) -> None:
    leaked, ended = run(dedent(ATTACKS[name]))
    assert leaked == [], (ended, leaked)


def test_there_are_enough_attacks() -> None:
    assert len(ATTACKS) >= 200


def test_what_counts_as_leaked_is_seen() -> None:
    for thing in (ast, eval, 1j, type, [type], (open,), {"a": torch}, torch.ones(1, requires_grad=True)):
        _LEAKED.clear()
        got(thing)
        assert _LEAKED, thing
    _LEAKED.clear()
