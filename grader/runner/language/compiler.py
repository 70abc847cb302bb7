"""From a syntax tree to code of the closed language.

Every operation that could reach something new becomes a call of a guard: attributes and items, iteration,
unpacking, powers, `%`, f-strings, star arguments, `with`, imports. What the language has no place for becomes a
call that refuses, so that it counts only where it is executed. Annotations are dropped.

    x.data[0] += y   ->   :changed_item("+", :held_item(:get(x, "data"), 0), y)

Guards have names that no program can write, because they are no identifiers. `audit` looks at the code that
comes out, and finds an operation that was left unguarded.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from types import CodeType
from typing import Any, TypeVar

from grader.runner.language import audit
from grader.runner.language.names import (
    FIELDS,
    METHODS,
    READABLE_NAMES,
    RENAMED,
    TEMPORARY,
    is_dunder,
)
from grader.runner.language.refusal import remember

_Node = TypeVar("_Node", bound=ast.AST)
_ASYNC = "a step is one plain function call"
_UNDERSCORES = "names with double underscores reach into Python itself"
_COMPLEX = "complex numbers hide a derivative that is not worked out by hand"


def compiled(tree: ast.Module | ast.stmt, file: str, source: str = "", *, forgiving: bool = False) -> CodeType:
    """The code of a whole program, or of one statement of its top level, for `exec` in a `namespace()`.

    forgiving: a refusal inside a function skips the statement in which it comes, where that binds nothing but names
    of the function's own: a comparison with autograd's gradient is skipped there as it is at the top level.
    `tree` is changed on the way: parse again for another use. `source` lets refusals quote the text of `file`.
    Raises SyntaxError as Python's compiler does (`return` outside a function), RecursionError for deep nesting.
    """
    if source:
        remember(file, source)
    statements = tree.body if isinstance(tree, ast.Module) else [tree]
    module = ast.Module(_Compiler(forgiving).block(statements), [])
    code = compile(module, file, "exec", dont_inherit=True)
    audit.check(code)
    return code


class _Compiler:
    """The rewriting of one tree."""

    def __init__(self, forgiving: bool) -> None:
        self._forgiving = forgiving
        self._classes: list[str] = []  # around the node at hand, for names like __x
        self._firsts: list[str | None] = []  # first parameters of the functions around it, for super()
        self._temporaries = 0
        self._in_class_body = False

    # Blocks and statements

    def block(self, statements: Iterable[ast.stmt]) -> list[ast.stmt]:
        """Statements in place of these; at least one."""
        found = [made for statement in statements for made in self.statement(statement)]
        return found or [ast.Pass(lineno=1, col_offset=0, end_lineno=1, end_col_offset=0)]

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        """What stands for one statement."""
        rule = _STATEMENTS.get(type(node))
        if rule is None:
            what = "async" if type(node).__name__.startswith("Async") else type(node).__name__
            return [self._refusal_statement(node, what, _ASYNC if what == "async" else "")]
        is_forgiven = self._forgiving and self._firsts and _is_local(node)
        made = rule(self, node)
        return [_forgiven(node, made)] if is_forgiven else made

    def _as_it_is(self, node: ast.stmt) -> list[ast.stmt]:
        """A statement of expressions alone."""
        self._inner(node)
        return [node]

    def _body(self, node: Any) -> list[ast.stmt]:
        """A statement with blocks in it."""
        for field in ("body", "orelse", "finalbody"):
            inner = getattr(node, field, None)
            if inner:
                setattr(node, field, self.block(inner))
        if getattr(node, "test", None):
            node.test = self.expression(node.test)
        for handler in getattr(node, "handlers", ()):
            handler.type = self.expression(handler.type) if handler.type else _name(handler, ":Exception")
            handler.name = handler.name and _safe(handler.name)
            handler.body = self.block(handler.body)
        return [node]

    def _while(self, node: ast.While) -> list[ast.stmt]:
        self._body(node)
        node.body.insert(0, self._turn(node))
        return [node]

    def _for(self, node: ast.For) -> list[ast.stmt]:
        node.iter = _call(node.iter, ":it", self.expression(node.iter))
        node.target, first = self._target(node.target)
        node.body = [self._turn(node), *first, *self.block(node.body)]
        node.orelse = self.block(node.orelse) if node.orelse else []
        node.type_comment = None
        return [node]

    def _with(self, node: ast.With) -> list[ast.stmt]:
        first: list[ast.stmt] = []
        for item in node.items:
            item.context_expr = _call(item.context_expr, ":with", self.expression(item.context_expr))
            if item.optional_vars:
                item.optional_vars, more = self._target(item.optional_vars)
                first += more
        node.body = [*first, *self.block(node.body)]
        node.type_comment = None
        return [node]

    def _assign(self, node: ast.Assign) -> list[ast.stmt]:
        value = self.expression(node.value)
        node.type_comment = None
        if len(node.targets) == 1:
            return self._stored(node, node.targets[0], value)
        if all(isinstance(target, ast.Name) for target in node.targets):
            node.targets, node.value = list(map(self._plain, node.targets)), value
            return [node]
        held = self._temporary(node)
        made: list[ast.stmt] = [_assignment(node, held, value)]
        for target in node.targets:
            made += self._stored(node, target, _load(held))
        return [*made, _forget(node, [held])]

    def _annotated(self, node: ast.AnnAssign) -> list[ast.stmt]:
        if node.value is None:
            return []
        return self._stored(node, node.target, self.expression(node.value))

    def _stored(self, node: ast.AST, target: ast.expr, value: ast.expr) -> list[ast.stmt]:
        """`target = value`, where the value is rewritten already."""
        match target:
            case ast.Name():
                return [_assignment(node, self._plain(target), value)]
            case ast.Attribute(value=owner, attr=name):
                said = _constant(target, self._mangled(name))
                return [_expression(node, _call(target, ":set", value, self.expression(owner), said))]
            case ast.Subscript(value=owner, slice=index):
                call = _call(target, ":set_item", value, self.expression(owner), self._index(index))
                return [_expression(node, call)]
            case ast.Tuple() | ast.List():
                plain, after = self._target(target)
                return [_assignment(node, plain, _call(value, ":it", value)), *after]
        return [self._refusal_statement(node, type(target).__name__, "")]

    def _target(self, target: ast.expr) -> tuple[ast.expr, list[ast.stmt]]:
        """A target of names alone, and what is done once these are bound, temporary ones removed."""
        if self._is_plain(target):
            return self._plain(target), []
        held: list[ast.expr] = []
        after: list[ast.stmt] = []
        made = self._with_temporaries(target, held, after)
        return made, [*after, _forget(target, held)]

    def _with_temporaries(self, target: ast.expr, held: list[ast.expr], after: list[ast.stmt]) -> ast.expr:
        match target:
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                target.elts = [self._with_temporaries(part, held, after) for part in parts]
                return target
            case ast.Starred(value=inner):
                target.value = self._with_temporaries(inner, held, after)
                return target
        temporary = self._temporary(target)
        held.append(temporary)
        after += self._stored(target, target, _load(temporary))
        return temporary

    def _is_plain(self, target: ast.expr) -> bool:
        match target:
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return all(map(self._is_plain, parts))
            case ast.Starred(value=inner):
                return self._is_plain(inner)
        return isinstance(target, ast.Name)

    def _plain(self, target: ast.expr) -> ast.expr:
        """A target of names alone, with names that are the interpreter's own given other ones."""
        for node in ast.walk(target):
            if isinstance(node, ast.Name):
                node.id = _safe(node.id)
        return target

    def _augmented(self, node: ast.AugAssign) -> list[ast.stmt]:
        value = self.expression(node.value)
        operator = _constant(node, type(node.op).__name__)
        match node.target:
            case ast.Name(id=name) as target:
                if isinstance(node.op, ast.Pow | ast.Mod):
                    now = self.expression(_copied(ast.Name(name, ast.Load()), target))
                    return [_assignment(node, self._plain(target), _call(node, ":changed", operator, now, value))]
                node.target, node.value = target, value
                target.id = _safe(name)
                return [node]
            case ast.Attribute(value=owner, attr=name) as target:
                held = _call(target, ":held", self.expression(owner), _constant(target, self._mangled(name)))
                return [_expression(node, _call(node, ":changed_attribute", operator, held, value))]
            case ast.Subscript(value=owner, slice=index) as target:
                held = _call(target, ":held_item", self.expression(owner), self._index(index))
                return [_expression(node, _call(node, ":changed_item", operator, held, value))]

    def _delete(self, node: ast.Delete) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for target in node.targets:
            match target:
                case ast.Tuple(elts=parts) | ast.List(elts=parts):
                    made += self._delete(_copied(ast.Delete(parts), node))
                case ast.Attribute(value=owner, attr=name):
                    said = _constant(target, self._mangled(name))
                    made.append(_expression(node, _call(target, ":delete", self.expression(owner), said)))
                case ast.Subscript(value=owner, slice=index):
                    call = _call(target, ":delete_item", self.expression(owner), self._index(index))
                    made.append(_expression(node, call))
                case _:
                    made.append(_copied(ast.Delete([self._plain(target)]), node))
        return made

    def _scope(self, node: ast.Global | ast.Nonlocal) -> list[ast.stmt]:
        node.names = list(map(_safe, node.names))
        return [node]

    def _function(self, node: ast.FunctionDef) -> list[ast.stmt]:
        if is_dunder(node.name) and node.name not in METHODS:
            reason = "methods with double underscores change how Python itself works"
            return [self._refusal_statement(node, node.name, reason)]
        node.decorator_list = list(map(self.expression, node.decorator_list))
        node.returns = node.type_comment = None
        if hasattr(node, "type_params"):
            node.type_params = []
        self._arguments(node.args)
        around, self._in_class_body = self._in_class_body, False
        self._firsts.append(_first_of(node.args))
        start = 1 if ast.get_docstring(node, clean=False) is not None else 0
        body = self.block(node.body[start:])
        node.body = [*node.body[:start], self._turn(node.body[0]), *body]
        self._firsts.pop()
        self._in_class_body = around
        return [node]

    def _arguments(self, arguments: ast.arguments) -> None:
        """Defaults are rewritten, annotations dropped."""
        arguments.defaults = list(map(self.expression, arguments.defaults))
        arguments.kw_defaults = [default and self.expression(default) for default in arguments.kw_defaults]
        for argument in _all_of(arguments):
            argument.annotation = argument.type_comment = None

    def _class(self, node: ast.ClassDef) -> list[ast.stmt]:
        node.decorator_list = list(map(self.expression, node.decorator_list))
        node.bases = list(map(self.expression, node.bases))
        self._keywords(node.keywords)
        if hasattr(node, "type_params"):
            node.type_params = []
        around, self._in_class_body = self._in_class_body, True
        self._classes.append(node.name)
        firsts, self._firsts = self._firsts, []
        fields = [inner for inner in node.body if isinstance(inner, ast.AnnAssign) and _is_field(inner)]
        start = 1 if node.body and _is_docstring(node.body[0]) else 0
        body = self.block(node.body[start:])
        if fields:
            names = tuple(
                self._mangled(field.target.id)
                for field in fields
                if isinstance(field.target, ast.Name) and not is_dunder(field.target.id)
            )
            body.insert(0, _assignment(node, _copied(ast.Name(FIELDS, ast.Store()), node), _constant(node, names)))
        node.body = [*node.body[:start], *body]
        self._firsts = firsts
        self._classes.pop()
        self._in_class_body = around
        node.name = _safe(node.name)
        return [node]

    def _import(self, node: ast.Import) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for alias in node.names:
            bound = alias.asname or alias.name.split(".")[0]
            module = _call(node, ":import", _constant(node, alias.name), _constant(node, alias.asname is not None))
            made.append(_assignment(node, _store(node, bound), module))
        return made

    def _import_from(self, node: ast.ImportFrom) -> list[ast.stmt]:
        if node.module == "__future__":
            return []
        module = _constant(node, "." * node.level + (node.module or ""))
        made: list[ast.stmt] = []
        for alias in node.names:
            if alias.name == "*":
                made.append(_expression(node, _call(node, ":import_all", module)))
                continue
            value = _call(node, ":import_from", module, _constant(node, alias.name))
            made.append(_assignment(node, _store(node, alias.asname or alias.name), value))
        return made

    def _match(self, node: ast.Match) -> list[ast.stmt]:
        node.subject = _call(node.subject, ":known", self.expression(node.subject))
        for case in node.cases:
            tests: list[ast.expr] = []
            case.pattern = self._without_classes(case.pattern, tests)
            tests += [self.expression(case.guard)] if case.guard else []
            guard = _all_hold(case.pattern, tests) if tests else None
            problem = self._pattern(case.pattern)
            if problem:
                what = f"the pattern {ast.unparse(case.pattern)[:40]}"
                guard = self._refusal(case.pattern, what, problem, "compare with ==, isinstance or len")
                case.pattern = _copied(ast.MatchAs(), case.pattern)
            case.guard = guard
            case.body = self.block(case.body)
        return [node]

    def _without_classes(self, node: ast.pattern, tests: list[ast.expr]) -> ast.pattern:
        """The pattern with names in place of class patterns, which read attributes; tests of these are added."""
        if isinstance(node, ast.MatchClass | ast.MatchOr) and any(
            isinstance(n, ast.MatchClass) for n in ast.walk(node)
        ):
            name = f"{TEMPORARY}{self._new_number()}"
            tests.append(self._test(node, lambda: _name(node, name)))
            return _copied(ast.MatchAs(name=name), node)
        if isinstance(node, ast.MatchAs) and node.pattern:
            node.pattern = self._without_classes(node.pattern, tests)
        if isinstance(node, ast.MatchSequence | ast.MatchMapping):
            node.patterns = [self._without_classes(one, tests) for one in node.patterns]
        return node

    def _test(self, node: ast.pattern, subject: Callable[[], ast.expr]) -> ast.expr:
        """Whether a pattern fits, as an expression that binds its names."""
        match node:
            case ast.MatchClass(cls=kind, patterns=by_place, kwd_attrs=names, kwd_patterns=by_name):
                given = ast.unparse(kind)

                def part(key: int | str) -> Callable[[], ast.expr]:
                    return lambda: _call(node, ":part", subject(), a_class(), _constant(node, key))

                def a_class() -> ast.expr:
                    return self.expression(_at(node, ast.parse(given, mode="eval").body))

                tests = [_call(node, ":isinstance", subject(), a_class())]
                pairs: list[tuple[Any, ast.pattern]] = [*enumerate(by_place), *zip(names, by_name, strict=True)]
                return _all_hold(node, tests + [self._test(inner, part(key)) for key, inner in pairs])
            case ast.MatchAs(pattern=inner, name=name):
                tests = [self._test(inner, subject)] if inner else []
                if name:
                    bound = _copied(ast.NamedExpr(ast.Name(_safe(name), ast.Store()), subject()), node)
                    tests.append(_at(node, ast.Tuple([bound], ast.Load())))
                return _all_hold(node, tests)
            case ast.MatchOr(patterns=inner_ones):
                return _at(node, ast.BoolOp(ast.Or(), [self._test(inner, subject) for inner in inner_ones]))
            case ast.MatchValue(value=value):
                return _at(node, ast.Compare(subject(), [ast.Eq()], [self.expression(value)]))
            case ast.MatchSingleton(value=value):
                return _at(node, ast.Compare(subject(), [ast.Is()], [ast.Constant(value)]))
        what = f"the pattern {ast.unparse(node)[:40]}"
        return self._refusal(node, what, "it is inside of a class pattern", "compare with ==, isinstance or len")

    def _pattern(self, node: ast.pattern) -> str:
        """Makes a pattern's names safe. Returns why it is outside the language, '' if it is not."""
        match node:
            case ast.MatchValue(value=ast.Attribute()):
                return "a dotted name reads an attribute"
            case ast.MatchValue(value=value):
                is_complex = any(isinstance(getattr(n, "value", None), complex) for n in ast.walk(value))
                return _COMPLEX if is_complex else ""
            case ast.MatchAs(pattern=inner, name=name):
                node.name = name and _safe(name)
                return self._pattern(inner) if inner else ""
            case ast.MatchStar(name=name):
                node.name = _safe(name) if name else TEMPORARY + "rest"  # else Python would read items by itself
                return ""
            case ast.MatchMapping(patterns=inner, rest=rest):
                node.rest = rest and _safe(rest)
                if any(isinstance(key, ast.Attribute) for key in node.keys):
                    return "a dotted name reads an attribute"
                return next((problem for one in inner if (problem := self._pattern(one))), "")
            case ast.MatchSequence(patterns=inner) | ast.MatchOr(patterns=inner):
                return next((problem for one in inner if (problem := self._pattern(one))), "")
        return ""

    def _type_alias(self, node: Any) -> list[ast.stmt]:
        """`type Row = list[float]`: a hint."""
        return [_assignment(node, _store(node, node.name.id), _name(node, ":hint"))]

    # Expressions

    def expression(self, node: ast.expr) -> ast.expr:
        """What stands for one expression."""
        rule = _EXPRESSIONS.get(type(node))
        if rule is None:
            return self._refusal(node, type(node).__name__.lower(), _ASYNC if isinstance(node, ast.Await) else "")
        return rule(self, node)

    def _inner(self, node: _Node) -> _Node:
        """A node whose parts are rewritten, and which stays itself."""
        for field in node._fields:
            part = getattr(node, field, None)
            if isinstance(part, ast.expr):
                setattr(node, field, self.expression(part))
            elif isinstance(part, list):
                setattr(node, field, [self.expression(one) if isinstance(one, ast.expr) else one for one in part])
        return node

    def _loaded(self, node: ast.Name) -> ast.expr:
        name = node.id
        if is_dunder(name) and name not in READABLE_NAMES:
            return self._refusal(node, name, _UNDERSCORES)
        return node

    def _value(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, complex):
            return self._refusal(node, "a complex number", _COMPLEX)
        return node

    def _attribute(self, node: ast.Attribute) -> ast.expr:
        return _call(node, ":get", self.expression(node.value), _constant(node, self._mangled(node.attr)))

    def _subscript(self, node: ast.Subscript) -> ast.expr:
        return _call(node, ":item", self.expression(node.value), self._index(node.slice))

    def _index(self, node: ast.expr) -> ast.expr:
        match node:
            case ast.Slice(lower=lower, upper=upper, step=step):
                parts = [self.expression(part) if part else _constant(node, None) for part in (lower, upper, step)]
                return _call(node, ":slice", *parts)
            case ast.Tuple(elts=parts):
                node.elts = [self._index(part) for part in parts]
                return node
        return self.expression(node)

    def _slice(self, node: ast.Slice) -> ast.expr:
        return self._index(node)

    def _binary(self, node: ast.BinOp) -> ast.expr:
        left, right = self.expression(node.left), self.expression(node.right)
        if isinstance(node.op, ast.Pow):
            return _call(node, ":power", left, right)
        if isinstance(node.op, ast.Mod):
            return _call(node, ":remainder", left, right)
        node.left, node.right = left, right
        return node

    def _call(self, node: ast.Call) -> ast.expr:
        match node:
            case ast.Call(func=ast.Name(id="super") as name, args=[], keywords=[]):
                first = self._firsts[-1] if self._firsts else None
                if first and self._classes:
                    parts = [_name(name, "__class__"), _name(name, first)]
                    return _call(node, ":super", *parts)
        node.func = self.expression(node.func)
        node.args = list(map(self.expression, node.args))
        self._keywords(node.keywords)
        return node

    def _keywords(self, keywords: Sequence[ast.keyword]) -> None:
        for keyword in keywords:
            keyword.value = self.expression(keyword.value)
            if keyword.arg is None:
                keyword.value = _call(keyword.value, ":mapping", keyword.value)
            elif keyword.arg == "requires_grad":
                keyword.value = _call(keyword.value, ":no_grad", keyword.value)

    def _starred(self, node: ast.Starred) -> ast.expr:
        node.value = _call(node.value, ":it", self.expression(node.value))
        return node

    def _dict(self, node: ast.Dict) -> ast.expr:
        values = list(map(self.expression, node.values))
        node.values = [
            value if key else _call(value, ":mapping", value) for key, value in zip(node.keys, values, strict=True)
        ]
        node.keys = [key and self.expression(key) for key in node.keys]
        return node

    def _lambda(self, node: ast.Lambda) -> ast.expr:
        self._arguments(node.args)
        around, self._in_class_body = self._in_class_body, False
        self._firsts.append(_first_of(node.args))
        node.body = _copied(ast.BoolOp(ast.And(), [_call(node, ":turn"), self.expression(node.body)]), node.body)
        self._firsts.pop()
        self._in_class_body = around
        return node

    def _comprehension(self, node: Any) -> ast.expr:
        if any(part.is_async for part in node.generators):
            return self._refusal(node, "async", _ASYNC)
        if not all(self._is_plain(part.target) for part in node.generators):
            return self._refusal(node, "a comprehension that fills attributes or items", "it hides a change")
        for part in node.generators:
            part.iter = _call(part.iter, ":it", self.expression(part.iter))
            part.target = self._plain(part.target)
            part.ifs = [_call(part.iter, ":turn"), *map(self.expression, part.ifs)]
        for field in ("elt", "key", "value"):
            if hasattr(node, field):
                setattr(node, field, self.expression(getattr(node, field)))
        made: ast.expr = node
        return made

    def _named(self, node: ast.NamedExpr) -> ast.expr:
        node.value = self.expression(node.value)
        node.target.id = _safe(node.target.id)
        return node

    def _text(self, node: ast.JoinedStr) -> ast.expr:
        parts: list[ast.expr] = []
        for value in node.values:
            if not isinstance(value, ast.FormattedValue):
                parts.append(value)
                continue
            spec = self._text(value.format_spec) if isinstance(value.format_spec, ast.JoinedStr) else None
            shown = self.expression(value.value)
            parts.append(_call(node, ":shown", shown, _constant(node, value.conversion), spec or _constant(node, "")))
        return _call(node, ":joined", *parts)

    # Refusals, turns, names

    def _refusal(self, node: ast.AST, what: str, reason: str, instead: str = "") -> ast.expr:
        reason = reason or "it is no part of the language of a step"
        return _call(node, ":refuse", *(_constant(node, text) for text in (what, reason, instead)))

    def _refusal_statement(self, node: ast.AST, what: str, reason: str) -> ast.stmt:
        return _expression(node, self._refusal(node, what, reason))

    def _turn(self, node: ast.AST) -> ast.stmt:
        return _expression(node, _call(node, ":turn"))

    def _new_number(self) -> int:
        self._temporaries += 1
        return self._temporaries

    def _temporary(self, node: ast.AST) -> ast.expr:
        return _copied(ast.Name(f"{TEMPORARY}{self._new_number()}", ast.Store()), node)

    def _mangled(self, name: str) -> str:
        """As Python names `self.__x` in a class."""
        own = self._classes[-1].lstrip("_") if self._classes else ""
        return f"_{own}{name}" if own and name.startswith("__") and not name.endswith("__") else name


def _first_of(arguments: ast.arguments) -> str | None:
    named = [*arguments.posonlyargs, *arguments.args]
    return named[0].arg if named else None


def _all_of(arguments: ast.arguments) -> list[ast.arg]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return every + [argument for argument in (arguments.vararg, arguments.kwarg) if argument]


def _is_field(node: ast.AnnAssign) -> bool:
    """Whether an annotated name of a class body is a field of a dataclass."""
    return not any(
        getattr(inner, "id", getattr(inner, "attr", "")) in ("ClassVar", "KW_ONLY")
        for inner in ast.walk(node.annotation)
    )


def _is_docstring(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False


def _safe(name: str) -> str:
    """A name to bind: the interpreter's own ones get another, under which nothing finds them."""
    return f"{RENAMED}{name}" if is_dunder(name) and name not in METHODS else name


# Nodes at the place of others


def _copied(node: _Node, place: ast.AST) -> _Node:
    return ast.copy_location(node, place)


def _name(place: ast.AST, name: str) -> ast.expr:
    return _copied(ast.Name(name, ast.Load()), place)


def _store(place: ast.AST, name: str) -> ast.expr:
    return _copied(ast.Name(_safe(name), ast.Store()), place)


def _load(stored: ast.expr) -> ast.expr:
    assert isinstance(stored, ast.Name)
    return _copied(ast.Name(stored.id, ast.Load()), stored)


def _at(place: ast.AST, node: _Node) -> _Node:
    """A node whose parts, where they have no place of their own, are there, too."""
    for inner in ast.walk(node):
        if not hasattr(inner, "lineno") or inner is node:
            _copied(inner, place)
    return node


def _all_hold(place: ast.AST, tests: list[ast.expr]) -> ast.expr:
    true = _constant(place, True)
    return _copied(ast.BoolOp(ast.And(), [true, *tests]), place) if tests else true


def _constant(place: ast.AST, value: Any) -> ast.expr:
    return _copied(ast.Constant(value), place)


def _call(place: ast.AST, guard: str, *arguments: ast.expr) -> ast.expr:
    return _copied(ast.Call(_name(place, guard), list(arguments), []), place)


def _expression(place: ast.AST, value: ast.expr) -> ast.stmt:
    return _copied(ast.Expr(value), place)


def _assignment(place: ast.AST, target: ast.expr, value: ast.expr) -> ast.stmt:
    return _copied(ast.Assign([target], value), place)


def _is_local(node: ast.stmt) -> bool:
    """Whether a statement is no matter to what is outside of its function."""
    if isinstance(node, ast.Assign):
        return all(isinstance(target, ast.Name) for target in node.targets)
    if isinstance(node, ast.If | ast.For):
        return all(map(_is_local, (*node.body, *node.orelse)))
    return isinstance(node, ast.Expr | ast.Assert | ast.Pass | ast.Break | ast.Continue)


def _forgiven(place: ast.AST, statements: list[ast.stmt]) -> ast.stmt:
    forgive = _copied(ast.Expr(_call(place, ":forgive")), place)
    handler = _copied(ast.ExceptHandler(_name(place, ":Forgivable"), None, [forgive]), place)
    return _copied(ast.Try(statements, [handler], [], []), place)


def _forget(place: ast.AST, names: Sequence[ast.expr]) -> ast.stmt:
    targets: list[ast.expr] = [
        _copied(ast.Name(name.id, ast.Del()), place) for name in names if isinstance(name, ast.Name)
    ]
    return _copied(ast.Delete(targets), place)


_STATEMENTS: dict[type[ast.AST], Callable[[_Compiler, Any], list[ast.stmt]]] = {
    **dict.fromkeys((ast.Expr, ast.Return, ast.Assert, ast.Raise), _Compiler._as_it_is),
    **dict.fromkeys((ast.Pass, ast.Break, ast.Continue), lambda _, node: [node]),
    **dict.fromkeys((ast.If, ast.Try, ast.TryStar), _Compiler._body),
    **dict.fromkeys((ast.Global, ast.Nonlocal), _Compiler._scope),
    ast.While: _Compiler._while,
    ast.For: _Compiler._for,
    ast.With: _Compiler._with,
    ast.Assign: _Compiler._assign,
    ast.AnnAssign: _Compiler._annotated,
    ast.AugAssign: _Compiler._augmented,
    ast.Delete: _Compiler._delete,
    ast.FunctionDef: _Compiler._function,
    ast.ClassDef: _Compiler._class,
    ast.Import: _Compiler._import,
    ast.ImportFrom: _Compiler._import_from,
    ast.Match: _Compiler._match,
}
if hasattr(ast, "TypeAlias"):  # since Python 3.12
    _STATEMENTS[ast.TypeAlias] = _Compiler._type_alias
_PLAIN = (
    ast.BoolOp, ast.UnaryOp, ast.IfExp, ast.Set, ast.Compare, ast.Yield, ast.List, ast.Tuple,
)  # fmt: skip
_EXPRESSIONS: dict[type[ast.AST], Callable[[_Compiler, Any], ast.expr]] = {
    **dict.fromkeys(_PLAIN, _Compiler._inner),
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), _Compiler._comprehension),
    ast.YieldFrom: lambda self, node: _yield_from(self, node),
    ast.Name: _Compiler._loaded,
    ast.Constant: _Compiler._value,
    ast.Attribute: _Compiler._attribute,
    ast.Subscript: _Compiler._subscript,
    ast.Slice: _Compiler._slice,
    ast.BinOp: _Compiler._binary,
    ast.Call: _Compiler._call,
    ast.Starred: _Compiler._starred,
    ast.Dict: _Compiler._dict,
    ast.Lambda: _Compiler._lambda,
    ast.NamedExpr: _Compiler._named,
    ast.JoinedStr: _Compiler._text,
}


def _yield_from(compiler: _Compiler, node: ast.YieldFrom) -> ast.expr:
    node.value = _call(node.value, ":it", compiler.expression(node.value))
    return node
