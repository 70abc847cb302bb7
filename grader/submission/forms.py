"""Allowed words that open what the list closes, unless they stand in their usual form.

`"{0.grad}".format(probs)` reads an attribute by a text, `type(x)` is a way to every class,
`inference_mode(False)` turns gradients on. Each rule says which form is harmless; any other
is a breach.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.submission.receivers import Receivers
from grader.syntax import children

Remark = tuple[str, str]  # the word, and why it is refused

_COMPLEX = "complex numbers hide a derivative that is not worked out by hand"
_SHOWING = frozenset({"print", "str", "repr", "format", "isinstance", "issubclass"})
_CLASS_OPTIONS = frozenset({"total"})  # of a TypedDict
_DEEPEST_FIELD = 3  # `{:{width}}` in a text is a field in a field


@dataclass(frozen=True)
class Places:
    """Where the nodes of a slice stand, and what they may be."""

    parents: Mapping[int, ast.AST]  # by the id of a node
    receivers: Receivers
    originals: Mapping[str, str]  # imported names: what they are called where they come from
    attributes: Collection[str]  # allowed words behind a dot
    own: Collection[str]  # attributes of the student's own classes

    def call_of(self, node: ast.AST) -> ast.Call | None:
        """The call that calls `node`."""
        parent = self.parents.get(id(node))
        return parent if isinstance(parent, ast.Call) and parent.func is node else None

    def is_hint(self, node: ast.AST) -> bool:
        """Whether the node stands in an annotation."""
        parent = self.parents.get(id(node))
        while parent is not None and not isinstance(parent, ast.stmt | ast.arg):
            node, parent = parent, self.parents.get(id(parent))
        match parent:
            case ast.arg(annotation=hint) | ast.AnnAssign(annotation=hint) | ast.FunctionDef(returns=hint):
                return hint is node
        return False


def places_of(nodes: Sequence[ast.AST], given: str, attributes: Collection[str], own: Collection[str]) -> Places:
    """The places of all these nodes of a slice; the judge fills in the parameters of `given`."""
    parents = {id(child): node for node in nodes for child in children(node)}
    originals = {
        alias.asname or alias.name: alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return Places(parents, Receivers(nodes, given), originals, attributes, own)


def misused(node: ast.AST, places: Places) -> Iterator[Remark]:
    """What is wrong with the form of this node; nothing where it is the usual one."""
    match node:
        case ast.Attribute(attr=word, ctx=ast.Load()) if word in _FORMS:
            yield from _FORMS[word](node, f".{word}", places)
        case ast.Name(id=name, ctx=ast.Load()) if (word := places.originals.get(name, "")) in _FORMS:
            yield from _FORMS[word](node, name, places)
        case ast.keyword(arg="requires_grad", value=value) if not _is_constant(value, False):
            yield "requires_grad", "autograd does here what this exercise asks you to do by hand"
        case ast.keyword(arg=str(option)) if isinstance(places.parents.get(id(node)), ast.ClassDef):
            if option not in _CLASS_OPTIONS:
                yield f"{option}=", "it changes how Python makes classes"
        case ast.Constant(value=complex()):
            yield "a complex number", _COMPLEX
        case ast.BinOp() | ast.Call():
            power = power_in(node)
            if power and places.receivers.is_complex_power(*power):
                yield "a complex number", f"the root of a negative number is one; {_COMPLEX}"


def power_in(node: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    """Base and exponent, where Python itself may work out a power."""
    match node:
        case (
            ast.BinOp(left=base, op=ast.Pow(), right=exponent)
            | ast.Call(func=ast.Name(id="pow"), args=[base, exponent])
        ):
            return base, exponent
    return None


def misused_type(name: ast.Name, places: Places) -> Iterator[Remark]:
    """`type` may ask what something is; a class that it gives may be compared and shown, but not called."""
    call = places.call_of(name)
    if call and len(call.args) == 1 and not call.keywords and not isinstance(call.args[0], ast.Starred):
        asked: ast.AST = call
    elif places.is_hint(name):
        return
    else:
        asked = name
    parent = places.parents.get(id(asked))
    if isinstance(parent, ast.Tuple):
        parent = places.parents.get(id(parent))
    match parent:
        case ast.Compare() | ast.FormattedValue() | ast.Expr() | ast.Attribute(attr="__name__"):
            return
        case ast.Call(func=ast.Name(id=shows)) if shows in _SHOWING or shows.endswith(("Error", "Exception")):
            return
        case ast.Call(func=ast.Attribute(attr="format")) | ast.BinOp(left=ast.Constant(value=str()), op=ast.Mod()):
            return
    yield "type", "a class may be compared and shown, `type(x) is Tensor`, and nothing else; name the class you mean"


def _form_of_format(node: ast.expr, word: str, places: Places) -> Iterator[Remark]:
    text = places.receivers.text(node.value) if isinstance(node, ast.Attribute) else None
    if text is None and "format" not in places.own:
        yield word, "a text that is made elsewhere may read any attribute; write the text here, or an f-string"
    for attribute in _fields(text or ""):
        if attribute not in places.attributes:
            yield word, f"its text reads .{attribute}, which is not among the words a step may use"


def _fields(text: str, depth: int = _DEEPEST_FIELD) -> Iterator[str]:
    """Attributes that a text for `.format` reads."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:  # and so will .format itself
        return
    for _, field, inner, _ in parts:
        yield from re.findall(r"\.([^.\[\]]*)", field or "")
        if inner and depth:
            yield from _fields(inner, depth - 1)


def _form_of_kind(node: ast.expr, word: str, places: Places) -> Iterator[Remark]:
    """`x.type(torch.float32)` and `x.type()`; a text may name a complex kind."""
    call = places.call_of(node)
    if not call and not isinstance(places.parents.get(id(node)), ast.Compare):
        yield f"{word} without a call", "say which kind is meant, as in .type(torch.float32)"
        return
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)) if call else ():
        text = places.receivers.text(argument)
        if "complex" in (text or "").lower():
            yield "a complex number", _COMPLEX
        elif text is None and not _is_kind(places.receivers.value(argument), places):
            yield f"{word}(...) of something else than a dtype", "say which kind is meant, as in .type(torch.float32)"


def _is_kind(node: ast.expr, places: Places) -> bool:
    """`torch.float32`, `x.dtype`, `x.type()`, True: no text that could name a complex kind."""
    match node:
        case ast.Attribute(attr=attr) | ast.Call(func=ast.Attribute(attr="type" as attr), args=[], keywords=[]):
            return attr in places.attributes and attr not in places.own
    return isinstance(node, ast.Constant)


def _form_of_wraps(node: ast.expr, word: str, places: Places) -> Iterator[Remark]:
    call = places.call_of(node)
    if not (call and len(call.args) == 1 and not call.keywords and not isinstance(call.args[0], ast.Starred)):
        yield word, "its other arguments read and change attributes by their names; write it as @wraps(function)"


def _form_of_inference_mode(node: ast.expr, word: str, places: Places) -> Iterator[Remark]:
    call = places.call_of(node)
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)] if call else []
    decorated = places.parents.get(id(node))
    is_bare = isinstance(decorated, ast.FunctionDef) and node in decorated.decorator_list
    if not (call or is_bare) or not all(_is_constant(argument, True) for argument in arguments):
        yield word, "turned off, it turns gradients on; write it as inference_mode()"


def _form_of_switch(node: ast.expr, word: str, places: Places) -> Iterator[Remark]:
    call = places.call_of(node)
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)] if call else []
    if len(arguments) != 1 or not _is_constant(arguments[0], False):
        yield word, "autograd does here what this exercise asks you to do by hand"


def _is_constant(node: ast.expr, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


_FORMS: dict[str, Callable[[ast.expr, str, Places], Iterator[Remark]]] = {
    "format": _form_of_format,
    "type": _form_of_kind,
    "wraps": _form_of_wraps,
    "inference_mode": _form_of_inference_mode,
    "set_grad_enabled": _form_of_switch,
    "requires_grad_": _form_of_switch,
}
FORMED = frozenset(_FORMS)
