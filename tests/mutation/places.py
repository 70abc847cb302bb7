"""Operators on where values are put: indices, `=` and `+=`, aliases of inputs, changes in place."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.mutation.arithmetic import NONE, PATH_SIGN
from tests.mutation.scene import Edit, Place, Scene, Site, called, is_size, method_of

_IN_PLACE = frozenset({"in-place"})
_IN_PLACE_NAMES = {ast.Add: "add_", ast.Sub: "sub_", ast.Mult: "mul_", ast.Div: "div_", ast.Pow: "pow_"}
_SYMBOLS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


def index(scene: Scene) -> Iterator[Edit]:
    """Other rows, other columns, other repeats, other letters of an einsum."""
    for place in scene.places:
        yield from _other_targets(scene, place)
        yield from _other_index_add(scene, place)
    for site in scene.sites:
        yield from _other_integers(scene, site)
        yield from _other_picks(scene, site)
        match site.node:
            case ast.Constant(value=str() as letters) if "->" in letters:
                for other in _other_letters(letters):
                    tags = frozenset({"transposed", "extra-sum", "missing-sum", "wrong-axis", "reordered"})
                    yield scene.edit(site, repr(other), tags)
            case ast.Call() if called(site.node) == "one_hot":
                yield scene.edit(site, f"torch.ones_like({site.text})", frozenset({"spread"}))
            case ast.Call(func=ast.Name(id="range"), args=[count]):
                yield scene.edit(site, f"range({ast.unparse(count)} - 1)", frozenset({"missing-path"}))
                yield scene.edit(site, f"range(1, {ast.unparse(count)})", frozenset({"missing-path"}))


def assign(scene: Scene) -> Iterator[Edit]:
    """`=` for `+=`, `+=` for `=`, `-=` for `+=`, `*=`."""
    lost = frozenset({"overwritten", "missing-path", "lost-repeats", "missing-factor"})
    for place in scene.places:
        match place.node:
            case ast.AugAssign(target=target, op=kind, value=value):
                left, right = ast.unparse(target), ast.unparse(value)
                yield scene.rewrite(place, f"{left} = {right}", lost)
                for other, tags in (("+", PATH_SIGN), ("-", PATH_SIGN), ("*", frozenset({"derivative"}))):
                    if _SYMBOLS.get(type(kind)) != other:
                        yield scene.rewrite(place, f"{left} {other}= {right}", tags | {"path-factor"})
            case ast.Assign(targets=[ast.Subscript() as target], value=value):
                left, right = ast.unparse(target), ast.unparse(value)
                yield scene.rewrite(place, f"{left} += {right}", NONE)
                yield scene.rewrite(place, f"{left} -= {right}", PATH_SIGN)


def alias(scene: Scene) -> Iterator[Edit]:
    """A new tensor that is an input after all, so that what is added to it changes the input."""
    for place in scene.places:
        match place.node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as made):
                base = _copied(made)
                if base in scene.parameters:
                    for text in (f"{base}", f"{base}.detach()", f"{base}.view({base}.shape)", f"{base}.data"):
                        tags = _IN_PLACE | {"wrong-tensor", "extra-term"}
                        yield scene.rewrite(place, f"{name} = {text}", tags)
            case ast.Return(value=ast.BinOp(left=left, op=kind, right=right)) if type(kind) in _SYMBOLS:
                symbol = _SYMBOLS[type(kind)]
                yield from _returned(scene, place, ast.unparse(left), symbol, ast.unparse(right))
                if symbol in "+*":
                    yield from _returned(scene, place, ast.unparse(right), symbol, ast.unparse(left))


def in_place(scene: Scene) -> Iterator[Edit]:
    """An operation that changes its input; an input used as scratch paper at the end."""
    names = {site.text: site.fact for site in scene.sites if isinstance(site.node, ast.Name)}
    tensors = [name for name in scene.parameters if name in names and names[name].kind == "tensor"]
    for site in scene.sites:
        yield from _in_place_form(scene, site)
    last = scene.places[-1]
    for name in tensors:
        match last.node:
            case ast.Return(value=value) if value is not None:
                text = f"result = {ast.unparse(value)}\n{name}.zero_()\nreturn result"
                yield scene.rewrite(last, text, _IN_PLACE, f"{name} is emptied at the end")


def _other_targets(scene: Scene, place: Place) -> Iterator[Edit]:
    """Other places for what `grad[rows, columns] = value` puts down."""
    match place.node:
        case (
            ast.Assign(targets=[ast.Subscript(value=base, slice=where) as target])
            | ast.AugAssign(target=ast.Subscript(value=base, slice=where) as target)
        ):
            rest, grad = place.text.removeprefix(ast.unparse(target)), ast.unparse(base)
        case _:
            return
    spread = frozenset({"spread", "extra-term"})
    forms = [("...", spread)]
    if isinstance(where, ast.Tuple) and len(where.elts) == 2:
        rows, columns = (ast.unparse(item) for item in where.elts)
        moved = frozenset({"reordered", "transposed"})
        forms += [(f":, {columns}", spread), (rows, spread), (columns, spread | moved), (f"{columns}, {rows}", moved)]
        forms += [(f"{rows}, 0", moved), (f"{rows}, -1", moved)]
    for text, tags in forms:
        yield scene.rewrite(place, f"{grad}[{text}]{rest}", tags)


def _other_index_add(scene: Scene, place: Place) -> Iterator[Edit]:
    """index_add_ in the ways that lose repeated indices."""
    match place.node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=base, attr="index_add_"), args=[along, where, what])):
            grad, axis, rows, values = (ast.unparse(node) for node in (base, along, where, what))
        case _:
            return
    lost = frozenset({"lost-repeats", "overwritten"})
    yield scene.rewrite(place, f"{grad}[{rows}] += {values}", lost)
    yield scene.rewrite(place, f"{grad}[{rows}] = {values}", lost)
    yield scene.rewrite(place, f"{grad}.index_copy_({axis}, {rows}, {values})", lost)
    yield scene.rewrite(place, f"{grad}.index_add({axis}, {rows}, {values})", frozenset({"zeros"}))
    yield scene.rewrite(place, f"{grad}.index_add_({axis}, {rows}, {values}, alpha=-1)", PATH_SIGN)


def _other_integers(scene: Scene, site: Site) -> Iterator[Edit]:
    """Index tensors moved, turned round or levelled."""
    if site.fact.kind != "tensor" or site.fact.is_floating or site.is_form or called(site.node) == "one_hot":
        return
    tags = frozenset({"reordered", "spread"})
    forms = [" - 1", ".flip(0)", ".roll(1, 0)", " * 0", ".clamp(max=1)"]
    forms += [".T", ".flip(-1)"] if len(site.fact.shape) == 2 else []
    for form in forms:
        yield scene.edit(site, f"({site.text}){form}", tags | {"transposed", "wrong-axis"})
    if site.text == "Yb":
        yield scene.edit(site, "Xb[:, 0]", tags | {"wrong-tensor"}, ask="Xb")


def _other_picks(scene: Scene, site: Site) -> Iterator[Edit]:
    """Other entries of a shape or a tensor; the values of a maximum for its place."""
    tags = frozenset({"reordered", "wrong-axis"})
    match site.node:
        case ast.Subscript(value=ast.Attribute(attr="shape") as shape, slice=ast.Constant(value=int() as axis)):
            for other in {0, 1, -1, -2} - {axis}:
                yield scene.edit(site, f"{ast.unparse(shape)}[{other}]", tags | {"path-factor"})
        case ast.Subscript(value=base, slice=ast.Tuple(elts=[one, other])) if site.fact.kind == "tensor":
            base_text, first, second = (ast.unparse(node) for node in (base, one, other))
            for form in (f"{first}, 0", f"0, {second}", f"{second}, {first}", f"{first}, {second} - 1"):
                yield scene.edit(site, f"{base_text}[{form}]", tags | {"wrong-gradient", "wrong-tensor", "transposed"})
        case ast.Attribute(value=base, attr="indices"):
            yield scene.edit(site, f"{ast.unparse(base)}.values", tags)
        case ast.Constant(value=True) if isinstance(site.parent, ast.keyword) and site.parent.arg == "accumulate":
            yield scene.edit(site, "False", frozenset({"lost-repeats", "overwritten"}))


def _other_letters(letters: str) -> Iterator[str]:
    """An einsum with its letters in another order."""
    inputs, output = letters.split("->")
    operands = inputs.split(",")
    yield f"{inputs}->{output[::-1]}"
    for gone in range(len(output)):
        yield f"{inputs}->{output[:gone]}{output[gone + 1 :]}"
    for place, operand in enumerate(operands):
        turned = [*operands[:place], operand[::-1], *operands[place + 1 :]]
        yield f"{','.join(turned)}->{output}"
    for extra in sorted(set(inputs) - set(output) - {","}):
        yield f"{inputs}->{output}{extra}"


def _copied(made: ast.Call) -> str:
    """x in torch.zeros_like(x), x.clone(): what a new tensor is made like; ''."""
    if called(made) in ("zeros_like", "ones_like") and made.args:
        return ast.unparse(made.args[0])
    base = method_of(made)
    return ast.unparse(base) if called(made) == "clone" and base is not None else ""


def _returned(scene: Scene, place: Place, name: str, symbol: str, other: str) -> Iterator[Edit]:
    if name in scene.parameters and not is_size(name):
        yield scene.rewrite(place, f"{name} {symbol}= {other}\nreturn {name}", _IN_PLACE)
        yield scene.rewrite(place, f"grad = {name}\ngrad {symbol}= {other}\nreturn grad", _IN_PLACE)


def _in_place_form(scene: Scene, site: Site) -> Iterator[Edit]:
    """The in-place form of an operation on an input."""
    match site.node:
        case ast.BinOp(left=left, op=kind, right=right) if type(kind) in _IN_PLACE_NAMES:
            name = _IN_PLACE_NAMES[type(kind)]
            yield from _on_itself(scene, site, left, f".{name}({ast.unparse(right)})")
            if isinstance(kind, ast.Add | ast.Mult):
                yield from _on_itself(scene, site, right, f".{name}({ast.unparse(left)})")
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield from _on_itself(scene, site, operand, ".neg_()")
        case ast.Attribute(value=base, attr="T"):
            yield from _on_itself(scene, site, base, ".t_()")
        case ast.Call(func=ast.Attribute(value=base, attr="sum"), args=[ast.Constant(value=0 | 1 as axis)]):
            last = "-1:" if site.node.keywords else "-1"
            yield from _on_itself(scene, site, base, f".cumsum_({axis})[{last if axis == 0 else f':, {last}'}]")
        case ast.Call(func=ast.Attribute(value=base, attr="view" | "reshape"), args=arguments):
            yield from _on_itself(scene, site, base, f".resize_({', '.join(map(ast.unparse, arguments))})")


def _on_itself(scene: Scene, site: Site, base: ast.expr, form: str) -> Iterator[Edit]:
    """`form` of an input that is as large as what the operation makes, or is only looked at in another way."""
    facts = [other.fact for other in scene.sites if other.node is base]
    is_input = isinstance(base, ast.Name) and base.id in scene.parameters and not is_size(base.id)
    is_whole = not isinstance(site.node, ast.BinOp) or any(fact.shape == site.fact.shape for fact in facts)
    if is_input and is_whole and site.is_tensor:
        yield scene.edit(site, f"{ast.unparse(base)}{form}", _IN_PLACE)
