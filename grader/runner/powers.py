"""Powers that stay real.

In Python `(-1) ** 0.5` is a complex number, and no text shows when a base is negative. From
there it is a step to a derivative that nobody worked out: tanh(x + 1e-30j).imag / 1e-30. So
every power in a student's code goes through `power`, which gives what `**` gives, unless that
is complex.
"""

from __future__ import annotations

import ast
import builtins
import copy
from typing import Any

_POWER, _POWER_IN_PLACE = "**", "**="  # as names; no text of a student's can be one of these


def power(base: Any, exponent: Any, *modulus: Any) -> Any:
    """pow(base, exponent), where it is no complex number. Raises ValueError where it is."""
    return _real(pow(base, exponent, *modulus))


def namespace() -> dict[str, Any]:
    """What a student's module starts with, so that `guarded` code runs in it."""
    return {
        "__name__": "submission",
        "__builtins__": {**vars(builtins), "pow": power},
        _POWER: power,
        _POWER_IN_PLACE: _power_in_place,
    }


def guarded(source: str) -> ast.Module | str:
    """The source with every power going through `power`; as it is where it has none. Raises what ast.parse raises."""
    if _POWER not in source:
        return source
    return guard(ast.parse(source))


def guard(tree: ast.Module) -> ast.Module:
    """The same of a syntax tree, which is changed."""
    for node in reversed(list(ast.walk(tree))):  # what is below a node first: a power may stand in a power
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, ast.BinOp):
                setattr(node, field, _guarded(value))
            elif isinstance(value, list):
                value[:] = [_guarded(item) for item in value]
    return tree


def _guarded(node: Any) -> Any:
    """`a ** b` -> power(a, b), and `a **= b` -> `a = power_in_place(a, b)`; anything else as it is."""
    if not isinstance(node, ast.BinOp | ast.AugAssign):
        return node
    match node:
        case ast.BinOp(op=ast.Pow(), left=base, right=exponent):
            return _call(node, _POWER, base, exponent)
        case ast.AugAssign(op=ast.Pow(), target=target, value=exponent):
            now = copy.copy(target)
            now.ctx = ast.Load()
            changed = ast.Assign([target], _call(node, _POWER_IN_PLACE, now, exponent))
            return ast.copy_location(changed, node)
    return node


def _call(place: ast.AST, name: str, *arguments: ast.expr) -> ast.Call:
    function = ast.copy_location(ast.Name(name, ast.Load()), place)
    return ast.copy_location(ast.Call(function, list(arguments), []), place)


def _real(result: Any) -> Any:
    if type(result) is complex:
        raise ValueError("a negative number to a broken power is a complex number, which this exercise does without")
    return result


def _power_in_place(base: Any, exponent: Any) -> Any:
    base **= exponent
    return _real(base)
