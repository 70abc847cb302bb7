"""Whether a statement binds a name to a function, as far as the text shows, or to a tensor."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from grader.lesson.model import GRADIENT_PREFIX
from grader.scope import free_loads, stored
from grader.submission.program import Program
from grader.syntax import walk

_DEEPEST = 8  # names that stand for names
_MODULES_OF_TENSORS = frozenset({"torch", "F", "np", "math"})
_MAKERS = frozenset({"partial", "compose", "wraps"})


def is_trial(node: ast.stmt, name: str, program: Program) -> bool:
    """`dprobs = dprobs(a, b)`: a function is tried, and its name is lost for it."""
    if not isinstance(node, ast.Assign):
        return False
    if node not in program.seen.called:
        calls = [inner.func for inner in walk(node.value) if isinstance(inner, ast.Call)]
        program.seen.called[node] = frozenset(called.id for called in calls if isinstance(called, ast.Name))
    return name in program.seen.called[node]


def is_stub(node: ast.stmt, name: str, program: Program) -> bool:
    """Whether it binds the name to nothing yet: `dprobs = None`, `dprobs = ...`."""
    return any(_is_nothing(value) for value in _values_of(node, name, program))


def _is_nothing(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and (value.value is None or value.value is ...)


def binds_a_function(node: ast.stmt, name: str, program: Program, depth: int = 0) -> bool:
    """Whether what `node` binds to `name` is a function or another callable."""
    if isinstance(node, ast.FunctionDef) and node.name == name:
        return True
    if isinstance(node, ast.Import | ast.ImportFrom) or name in _definitions_in(node, program):
        return True
    return any(_is_function(value, program, depth) for value in _values_of(node, name, program))


def _definitions_in(node: ast.stmt, program: Program) -> frozenset[str]:
    """The functions and classes that a statement defines, however deep inside."""
    if node not in program.seen.defined:
        kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        program.seen.defined[node] = frozenset(inner.name for inner in walk(node) if isinstance(inner, kinds))
    return program.seen.defined[node]


def _assignments_in(node: ast.stmt, program: Program) -> tuple[ast.Assign | ast.AnnAssign, ...]:
    if node not in program.seen.assigned:
        inside = (inner for inner in walk(node) if isinstance(inner, ast.Assign | ast.AnnAssign))
        program.seen.assigned[node] = tuple(inside)
    return program.seen.assigned[node]


def _values_of(node: ast.stmt, name: str, program: Program) -> Iterator[ast.expr]:
    """What a statement assigns to `name`, also inside an `if` or the like; of tuples the part that fits."""
    assignments = _assignments_in(node, program)
    program.effort.spend(1 + len(assignments))
    for inner in assignments:
        match inner:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _parts(target, value, name)
            case ast.AnnAssign(target=ast.Name(id=bound), value=ast.expr() as value) if bound == name:
                yield value


def _parts(target: ast.expr, value: ast.expr, name: str) -> Iterator[ast.expr]:
    match target, value:
        case ast.Name(id=bound), _ if bound == name:
            yield value
        case ((ast.Tuple(elts=targets) | ast.List(elts=targets)), (ast.Tuple(elts=values) | ast.List(elts=values))):
            for one, other in zip(targets, values, strict=False):
                yield from _parts(one, other, name)
        case ((ast.Tuple() | ast.List()), _) if name in set(stored(target)):
            yield value


def _is_function(value: ast.expr, program: Program, depth: int) -> bool:
    """A tensor is computed: by operators, by methods, from other tensors. What is none of this may be called."""
    nodes = walk(value)
    program.effort.spend(len(nodes))
    if depth > _DEEPEST or any(isinstance(inner, ast.Lambda) for inner in nodes):
        return True
    match value:
        case ast.BinOp() | ast.UnaryOp() | ast.Compare() | ast.Constant() | ast.List() | ast.Tuple() | ast.ListComp():
            return False
        case ast.Name(id=other):
            return _names_a_function(other, program, depth)
        case ast.Call(func=ast.Name(id=maker)) if maker not in _MAKERS:
            if _returns_what_it_works_out(maker, program, depth):
                return False
            return _names_a_function(maker, program, depth) and not _reads_tensors(value, program, depth)
        case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=method)) if module in _MODULES_OF_TENSORS:
            return method in _MAKERS
        case ast.Call(func=ast.Attribute(value=ast.Call() as inner)):
            return _is_function(inner, program, depth + 1) and not _reads_tensors(value, program, depth)
        case ast.IfExp(body=body, orelse=otherwise):
            return _is_function(body, program, depth) or _is_function(otherwise, program, depth)
    return not _reads_tensors(value, program, depth)


def _names_a_function(name: str, program: Program, depth: int) -> bool:
    """The last statement that binds `name` decides; what nothing binds may be an imported or built-in function."""
    binders = program.binders.get(name)
    if not binders:
        return not _looks_like_a_gradient(name)
    key = (name, depth)
    if key not in program.seen.functions:
        program.seen.functions[key] = binds_a_function(binders[-1].node, name, program, depth + 1)
    return program.seen.functions[key]


def _returns_what_it_works_out(name: str, program: Program, depth: int) -> bool:
    """Whether it is a function of the program that returns what it computes, and no function."""
    binders = program.binders.get(name)
    function = binders[-1].node if binders else None
    if not isinstance(function, ast.FunctionDef):
        return False
    if function not in program.seen.results:
        program.seen.results[function] = _results_of(function)
    own, returned = program.seen.results[function]
    return bool(returned) and all(
        part.id in own if isinstance(part, ast.Name) else not _is_function(part, program, depth + 1)
        for part in returned
    )


def _results_of(function: ast.FunctionDef) -> tuple[frozenset[str], tuple[ast.expr, ...]]:
    """The names that a function binds, and the parts of what it returns; nothing where functions are made inside."""
    inside = [inner for statement in function.body for inner in walk(statement)]
    makes = any(
        isinstance(inner, ast.Lambda | ast.FunctionDef | ast.ClassDef)
        or (isinstance(inner, ast.Name) and inner.id in _MAKERS)
        for inner in inside
    )
    returned = [inner.value for inner in inside if isinstance(inner, ast.Return)]
    if makes or None in returned:
        return frozenset(), ()
    parts = [part for value in returned for part in (value.elts if isinstance(value, ast.Tuple) else [value]) if part]
    return frozenset(name for statement in function.body for name in stored(statement)), tuple(parts)


def _looks_like_a_gradient(name: str) -> bool:
    return name.startswith(GRADIENT_PREFIX) and name not in ("dict", "dir", "divmod")


def _reads_tensors(value: ast.expr, program: Program, depth: int) -> bool:
    """Whether it takes a name from outside that is no function: what it makes of it is a value."""
    nodes = walk(value)
    program.effort.spend(len(nodes))
    called = {id(inner.func) for inner in nodes if isinstance(inner, ast.Call)}
    for name in free_loads(value):
        is_free = id(name) not in called and name.id not in _MODULES_OF_TENSORS
        if is_free and (name.id not in program.binders or not _names_a_function(name.id, program, depth)):
            return True
    return False
