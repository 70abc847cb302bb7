"""Operators on the arithmetic of an answer: signs, factors, powers, terms, constants, brackets, order."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.mutation.cases import SIZES, public_sizes
from tests.mutation.scene import Edit, Scene, Site, called, is_gradient, is_size

NONE: frozenset[str] = frozenset()
DERIVATIVE = frozenset({"derivative"})
MISSING_FACTOR = frozenset({"missing-factor"})
PATH_FACTOR = frozenset({"path-factor"})
PATH_SIGN = frozenset({"path-sign"})
_SMALL = 1e-2  # a number this small that is added guards a power or a division
_SYMBOLS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.MatMult: "@",
    ast.Pow: "**",
}


def sign(scene: Scene) -> Iterator[Edit]:
    """A minus before a tensor, a term or the whole; one taken away; + for - and - for +."""
    for site in _scalable(scene):
        yield scene.edit(site, f"-({site.text})", PATH_SIGN | _if_bent(site))
    for site in scene.sites:
        match site.node:
            case ast.UnaryOp(op=ast.USub(), operand=operand) if not _is_argument(site) and not _is_exponent(site):
                yield scene.edit(site, ast.unparse(operand), PATH_SIGN | _if_bent(site))
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                yield scene.edit(site, f"({ast.unparse(left)}) - ({ast.unparse(right)})", _sign_tags(site))
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                yield scene.edit(site, f"({ast.unparse(left)}) + ({ast.unparse(right)})", _sign_tags(site))


def factor(scene: Scene) -> Iterator[Edit]:
    """Twice or half a tensor, a term or the whole; the whole times or by n."""
    for site in _scalable(scene):
        tags = PATH_FACTOR | {"extra-factor"} | _if_bent(site)
        yield scene.edit(site, f"2 * ({site.text})", tags | {"extra-path"})
        if not isinstance(site.node, ast.Name):
            yield scene.edit(site, f"({site.text}) / 2", tags)
        if site.is_statement_value:
            yield scene.edit(site, f"({site.text}) * n", tags, ask="n")
            yield scene.edit(site, f"({site.text}) / n", tags, ask="n")


def power(scene: Scene) -> Iterator[Edit]:
    """Other exponents, none, a sign inside the power; a tensor squared."""
    for site in scene.sites:
        match site.node:
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                base, exponent = ast.unparse(left), _number(right)
                yield scene.edit(site, base, DERIVATIVE | MISSING_FACTOR | {"extra-factor"})
                yield scene.edit(site, f"(-({base})) ** ({ast.unparse(right)})", PATH_SIGN | DERIVATIVE)
                yield scene.edit(site, f"-(({base}) ** ({ast.unparse(right)}))", PATH_SIGN | DERIVATIVE)
                for other in sorted({exponent + 1, exponent - 1, -exponent, exponent * 2, exponent / 2} - {exponent}):
                    tags = DERIVATIVE | {"missing-factor", "extra-factor", "not-finite"}
                    yield scene.edit(site, f"({base}) ** {other:g}", tags)
    for site in scene.tensors:
        if isinstance(site.node, ast.Name):
            yield scene.edit(site, f"{site.text} ** 2", DERIVATIVE | {"extra-factor"})


def drop_term(scene: Scene) -> Iterator[Edit]:
    """One operand of a + or - left out; a statement that adds left out."""
    for site in scene.sites:
        match site.node:
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as kind, right=right):
                kept = f"-({ast.unparse(right)})" if isinstance(kind, ast.Sub) else ast.unparse(right)
                words = f"{site.text}: without {ast.unparse(left)}"
                yield scene.edit(site, kept, _term_tags(site, left, right), words)
                words = f"{site.text}: without {ast.unparse(right)}"
                yield scene.edit(site, ast.unparse(left), _term_tags(site, right, left), words)
    for place in scene.places:
        match place.node:
            case ast.AugAssign(op=ast.Mult() | ast.Div()):
                yield scene.rewrite(place, "", MISSING_FACTOR | PATH_FACTOR | {"upstream-only"})
            case ast.AugAssign() | ast.Assign(targets=[ast.Subscript()]) | ast.Expr(value=ast.Call()):
                yield scene.rewrite(place, "", frozenset({"missing-path"}))


def double_term(scene: Scene) -> Iterator[Edit]:
    """One operand of a + or - twice; a statement that adds done twice."""
    for site in scene.sites:
        match site.node:
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as kind, right=right):
                symbol, one, other = _SYMBOLS[type(kind)], ast.unparse(left), ast.unparse(right)
                tags = frozenset({"extra-path", "extra-term", "path-factor"}) | _if_bent(site) | _beside_number(site)
                yield scene.edit(site, f"({one}) + ({one}) {symbol} ({other})", tags, f"{site.text}: {one} twice")
                words = f"{site.text}: {other} twice"
                yield scene.edit(site, f"({one}) {symbol} ({other}) {symbol} ({other})", tags, words)
    for place in scene.places:
        match place.node:
            case ast.AugAssign() | ast.Expr(value=ast.Call()):
                tags = frozenset({"extra-path", "extra-term", "extra-factor", "path-factor"})
                yield scene.rewrite(place, f"{place.text}\n{place.text}", tags)


def drop_factor(scene: Scene) -> Iterator[Edit]:
    """One operand of a product or a quotient left out."""
    for site in scene.sites:
        match site.node:
            case ast.BinOp(left=left, op=ast.Mult() | ast.MatMult(), right=right):
                tags = _factor_tags(scene, dropped=left, kept=right) | _if_bent(site)
                yield scene.edit(site, ast.unparse(right), tags, f"{site.text}: without {ast.unparse(left)}")
                tags = _factor_tags(scene, dropped=right, kept=left) | _if_bent(site)
                yield scene.edit(site, ast.unparse(left), tags, f"{site.text}: without {ast.unparse(right)}")
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                tags = _factor_tags(scene, dropped=right, kept=left)
                yield scene.edit(site, ast.unparse(left), tags, f"{site.text}: not divided by {ast.unparse(right)}")
                tags = _factor_tags(scene, dropped=left, kept=right)
                yield scene.edit(site, f"1 / ({ast.unparse(right)})", tags, f"{site.text}: 1 for {ast.unparse(left)}")


def constant(scene: Scene) -> Iterator[Edit]:
    """n as n - 1, n + 1, another size, the lecture's 32; a literal off by one, 0, doubled, halved."""
    for site in scene.sites:
        if not site.is_number:
            continue
        match site.node:
            case ast.Name(id=name) if is_size(name):
                yield from _other_sizes(scene, site, name)
            case ast.Subscript(value=ast.Attribute(attr="shape")):
                for number in sorted({public_sizes()[name] for name in SIZES}):
                    yield scene.edit(site, str(number), NONE)
            case ast.Constant(value=int() | float() as value) if not _is_argument(site) and not _is_exponent(site):
                for other in sorted({value + 1, value - 1, 0, value * 2, value / 2} - {value}):
                    tags = _literal_tags(site, value, other)
                    yield scene.edit(site, f"{other:g}" if other >= 0 else f"({other:g})", tags)


def operand_order(scene: Scene) -> Iterator[Edit]:
    """a - b, a / b, a @ b the other way round; two results of a tuple changed over."""
    for site in scene.sites:
        match site.node:
            case ast.BinOp(left=left, op=ast.Sub() | ast.Div() | ast.MatMult() as kind, right=right):
                symbol = _SYMBOLS[type(kind)]
                tags = {"-": _sign_tags(site), "/": DERIVATIVE, "@": frozenset({"transposed"})}[symbol]
                yield scene.edit(site, f"({ast.unparse(right)}) {symbol} ({ast.unparse(left)})", tags)
            case ast.Tuple(elts=[_, _, *_] as items) if isinstance(site.parent, ast.Return):
                for one in range(len(items) - 1):
                    texts = [ast.unparse(item) for item in items]
                    texts[one], texts[one + 1] = texts[one + 1], texts[one]
                    words = f"{texts[one]} before {texts[one + 1]}"
                    tags = frozenset({"wrong-gradient", "keepdim"})
                    yield scene.edit(site, f"({', '.join(texts)})", tags, words)


def symbol(scene: Scene) -> Iterator[Edit]:
    """Another operation between the same operands: divided for multiplied, multiplied for squared."""
    others: dict[type[ast.operator], str] = {
        ast.Mult: "/+",
        ast.Div: "*-",
        ast.MatMult: "*",
        ast.Add: "*",
        ast.Sub: "*",
        ast.Pow: "*",
    }
    for site in scene.sites:
        match site.node:
            case ast.BinOp(left=left, op=kind, right=right) if type(kind) in others:
                for other in others[type(kind)]:
                    text = f"({ast.unparse(left)}) {other} ({ast.unparse(right)})"
                    tags = DERIVATIVE | {"path-factor", "extra-factor", "missing-factor", "extra-term"}
                    yield scene.edit(site, text, tags)


def guard(scene: Scene) -> Iterator[Edit]:
    """Something small added to a denominator or a base; absolute values, and values cut off, of the whole."""
    for site in scene.tensors:
        match site.parent:
            case ast.BinOp(left=left, op=ast.Pow()) if left is site.node:
                is_divisor = True
            case ast.BinOp(op=ast.Div(), right=right):
                is_divisor = right is site.node
            case _:
                is_divisor = False
        if is_divisor:
            yield scene.edit(site, f"({site.text}) + 1e-8", frozenset({"extra-term", "derivative"}))
        if isinstance(site.parent, ast.Return):
            for form in (".abs()", ".clamp(-1, 1)"):
                yield scene.edit(site, f"({site.text}){form}", NONE)


def brackets(scene: Scene) -> Iterator[Edit]:
    """Brackets left out, so that Python groups the operands in another way."""
    for site in scene.sites:
        match site.node:
            case ast.BinOp(left=left, op=kind, right=right) if type(kind) in _SYMBOLS:
                text = f"{ast.unparse(left)} {_SYMBOLS[type(kind)]} {ast.unparse(right)}"
                tags = frozenset({"brackets"}) | DERIVATIVE | PATH_FACTOR | PATH_SIGN
                yield scene.edit(site, text, tags)
            case ast.Call(func=ast.Attribute(value=ast.BinOp() | ast.UnaryOp() as base, attr=name)):
                arguments = ast.unparse(site.node).removeprefix(f"({ast.unparse(base)}).{name}")
                text = f"{ast.unparse(base)}.{name}{arguments}"
                tags = frozenset({"brackets", "missing-sum", "path-sign", "not-expanded"})
                yield scene.edit(site, text, tags)


def _scalable(scene: Scene) -> Iterator[Site]:
    """Where a factor makes sense: tensors by name, terms of a sum, what a statement assigns or returns."""
    for site in scene.tensors:
        if called(site.node).endswith("_like"):
            continue
        is_term = isinstance(site.parent, ast.BinOp) and isinstance(site.parent.op, ast.Add | ast.Sub)
        is_value = site.is_statement_value and not isinstance(site.parent, ast.Expr)
        if isinstance(site.node, ast.Name) or is_term or is_value:
            yield site


def _if_bent(site: Site) -> frozenset[str]:
    return DERIVATIVE if site.is_bent else NONE


def _is_argument(site: Site) -> bool:
    """It is an axis, a size or an index rather than a number that is calculated with."""
    inner: ast.AST = site.node
    for parent in reversed(site.parents):
        match parent:
            case ast.keyword():
                return True
            case ast.Call(func=outer) | ast.Subscript(value=outer) if outer is not inner:
                return True
        inner = parent
    return False


def _is_exponent(site: Site) -> bool:
    inner: ast.AST = site.node
    for parent in reversed(site.parents):
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Pow) and parent.right is inner:
            return True
        inner = parent
    return False


def _number(node: ast.expr) -> float:
    return float(ast.literal_eval(node))


def _is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def _is_calculated_from_sizes(node: ast.expr) -> bool:
    return all(
        isinstance(part, ast.Constant | ast.BinOp | ast.operator | ast.expr_context | ast.UnaryOp | ast.unaryop)
        or (isinstance(part, ast.Name) and is_size(part.id))
        for part in ast.walk(node)
    )


def _sign_tags(site: Site) -> frozenset[str]:
    assert isinstance(site.node, ast.BinOp)
    if _is_calculated_from_sizes(site.node):
        return PATH_FACTOR
    return PATH_SIGN | _if_bent(site) | _beside_number(site)


def _beside_number(site: Site) -> frozenset[str]:
    """`derivative`, where a number is added to a tensor: 1 - h**2."""
    assert isinstance(site.node, ast.BinOp)
    return DERIVATIVE if _is_literal(site.node.left) or _is_literal(site.node.right) else NONE


def _term_tags(site: Site, dropped: ast.expr, kept: ast.expr) -> frozenset[str]:
    if _is_calculated_from_sizes(dropped) and _is_calculated_from_sizes(kept):
        return frozenset({"bessel", "path-factor"})
    if _is_literal(dropped) and abs(_number(dropped)) < _SMALL:
        return frozenset({"eps"})
    if _is_literal(kept) or _is_literal(dropped):
        return frozenset({"derivative", "missing-factor", "upstream-only"})
    return frozenset({"missing-path"}) | _if_bent(site)


def _factor_tags(scene: Scene, dropped: ast.expr, kept: ast.expr) -> frozenset[str]:
    names = {node.id for node in ast.walk(dropped) if isinstance(node, ast.Name)}
    tags = set(MISSING_FACTOR)
    if _is_calculated_from_sizes(dropped):
        tags |= PATH_FACTOR | ({"bessel"} if "- 1" in ast.unparse(dropped) else NONE)
    if any(map(is_gradient, names)):
        tags |= {"local-only"}
    elif isinstance(kept, ast.Name) and is_gradient(kept.id):
        tags |= {"upstream-only"}
    if called(dropped) == "ones_like":
        tags |= {"not-expanded"}
    integers = [site for site in scene.sites if site.node is dropped and site.fact.kind == "tensor"]
    if any(not site.fact.is_floating for site in integers) or called(dropped) == "one_hot":
        tags |= {"spread"}
    return frozenset(tags)


def _other_sizes(scene: Scene, site: Site, name: str) -> Iterator[Edit]:
    is_count = any(called(parent) == "range" for parent in site.parents)
    bessel = NONE if is_count or name != "n" else frozenset({"bessel"})
    tags = NONE if is_count else PATH_FACTOR
    yield scene.edit(site, f"({name} - 1)", tags | bessel)
    yield scene.edit(site, f"({name} + 1)", tags)
    yield scene.edit(site, str(public_sizes()[name]), tags)
    for other in SIZES:
        if other != name:
            yield scene.edit(site, other, tags, ask=other)


def _literal_tags(site: Site, value: float, other: float) -> frozenset[str]:
    beside = [node for node in ast.iter_child_nodes(site.parent) if isinstance(node, ast.expr)]
    if isinstance(site.parent, ast.BinOp) and all(map(_is_calculated_from_sizes, beside)):
        return PATH_FACTOR | ({"bessel"} if other in (0, 1) else NONE) | MISSING_FACTOR
    if abs(value) < _SMALL:
        return frozenset({"eps"} if other == 0 else {"derivative"})
    return PATH_FACTOR | PATH_SIGN | DERIVATIVE | MISSING_FACTOR
