"""What an answer's text reaches: for messages, fixes and fingerprints. What runs is the whole program."""

from __future__ import annotations

import ast
import builtins

from grader.submission.program import Program
from grader.submission.statement import Statement
from grader.syntax import walk

_BUILTINS = frozenset(dir(builtins))


def reached(program: Program, root: Statement, name: str) -> tuple[Statement, ...]:
    """`root`, which binds `name`, and the statements that bind what it needs, directly or not.

    Other definitions of `name` are other answers. Where `root` wraps the name itself (`dprobs = checked(dprobs)`),
    what bound it before belongs to it.
    """
    chosen = {root, *_wrapped(program, root, name)}
    waiting = list(chosen)
    while waiting:
        for needed in waiting.pop().needs:
            for statement in program.binders.get(needed, ()) if needed != name else ():
                if statement not in chosen:
                    chosen.add(statement)
                    waiting.append(statement)
    stars = program.binders.get("*")
    if stars:
        known = program.binders.keys() | _BUILTINS
        if any(statement.needs - known for statement in chosen):  # stars may bring them
            chosen.update(stars)
    return tuple(statement for statement in program.statements if statement in chosen)


def _wrapped(program: Program, root: Statement, name: str) -> list[Statement]:
    """What bound the name before, where `root` needs that."""
    if root.is_definition or name not in root.needs:
        return []
    before = program.statements[: program.statements.index(root)]
    return [statement for statement in before if name in statement.binds][-1:]


def function_of(program: Program, definition: ast.stmt, name: str) -> ast.FunctionDef | ast.Lambda | None:
    """The function that `definition` binds to `name`, as far as the text shows it."""
    if isinstance(definition, ast.FunctionDef):
        return definition
    for node in walk(definition):
        match node:
            case ast.FunctionDef(name=bound) if bound == name:
                return node
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if len(names) == len(values):
                for target, value in zip(names, values, strict=True):
                    if isinstance(target, ast.Name) and target.id == name:
                        return _function(program, value, name)
            case ast.Assign(targets=targets, value=value) if any(_is_name(target, name) for target in targets):
                return _function(program, value, name)
            case ast.AnnAssign(target=ast.Name(id=bound), value=ast.expr() as value) if bound == name:
                return _function(program, value, name)
    return None


def _function(program: Program, value: ast.expr, name: str) -> ast.FunctionDef | ast.Lambda | None:
    """A lambda; the function of another name; the __call__ of a class whose instance it is."""
    match value:
        case ast.Lambda():
            return value
        case ast.Name(id=other) | ast.Call(func=ast.Name(id=other)) if other != name:
            for statement in reversed(program.binders.get(other, ())):
                match statement.node:
                    case ast.FunctionDef():
                        return statement.node if isinstance(value, ast.Name) else None
                    case ast.ClassDef(body=body):
                        return next((m for m in body if isinstance(m, ast.FunctionDef) and m.name == "__call__"), None)
                    case ast.Assign(value=ast.Lambda() as function):
                        return function
    return None


def parameters_of(function: ast.FunctionDef | ast.Lambda | None) -> tuple[str, ...]:
    """The names of its parameters; none where there is no function."""
    if function is None:
        return ()
    arguments = function.args
    return tuple(argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))


def names_read(function: ast.FunctionDef | ast.Lambda | None) -> frozenset[str]:
    """The parameters that the function's code mentions."""
    if function is None:
        return frozenset()
    nodes = walk(function)
    mentioned = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return frozenset(parameters_of(function)) & mentioned


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
