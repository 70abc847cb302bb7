"""The graph of a network, read off its forward.py.

forward.py holds one function `forward`, whose body is one assignment a line with
every intermediate named, and ends with `return <loss>`. From its syntax alone the
kit knows which statement makes a tensor, from what, and who uses it:

    Statement(tensor="probs", reads=("counts", "counts_sum_inv"), line=53, ...)
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from grader.errors import KitError
from grader.names import did_you_mean
from grader.scope import free_loads

# Operations that pick entries. Where the picked entries are tied, any subgradient is right.
_PICKING = frozenset({"max", "min", "amax", "amin", "maximum", "minimum", "topk", "sort", "median"})


@dataclass(frozen=True)
class Statement:
    """`tensor = <expression over reads>`, at `line` of forward.py."""

    tensor: str
    reads: tuple[str, ...]  # tensors and inputs, in order of appearance; sizes are not among them
    line: int
    source: str
    expression: str  # the right-hand side
    picks: bool  # takes a maximum or the like, so that ties have several right gradients


@dataclass(frozen=True)
class Graph:
    """The statements of forward() in order, and who uses what."""

    file: Path
    text: str
    arguments: tuple[str, ...]  # of forward(): inputs and sizes
    inputs: tuple[str, ...]
    statements: tuple[Statement, ...]
    loss: str

    @cached_property
    def by_tensor(self) -> dict[str, Statement]:
        return {statement.tensor: statement for statement in self.statements}

    @cached_property
    def tensors(self) -> frozenset[str]:
        """Every name that has a value: inputs and what the statements make."""
        return frozenset(self.inputs) | frozenset(self.by_tensor)

    @cached_property
    def users(self) -> dict[str, tuple[Statement, ...]]:
        """For each tensor the statements that read it, in forward order."""
        return {
            tensor: tuple(statement for statement in self.statements if tensor in statement.reads)
            for tensor in self.tensors
        }

    @cached_property
    def downstream(self) -> dict[str, frozenset[str]]:
        """For each tensor the tensors made from it, directly or not, that reach the loss."""
        reaching: dict[str, frozenset[str]] = {}
        for tensor in [statement.tensor for statement in reversed(self.statements)] + list(self.inputs):
            found: set[str] = set()
            for user in self.users[tensor]:
                if user.tensor == self.loss or self.loss in reaching[user.tensor]:
                    found |= {user.tensor} | reaching[user.tensor]
            reaching[tensor] = frozenset(found)
        return reaching

    def uses(self, tensor: str) -> str:
        """The forward lines that use `tensor`, for messages: 'logprobs = probs.log()  (forward.py:54)'."""
        return "; ".join(f"{user.source}  ({self.file.name}:{user.line})" for user in self.users[tensor])


def read_graph(file: Path, inputs: tuple[str, ...], sizes: tuple[str, ...], loss: str) -> Graph:
    """Reads forward.py. Raises KitError naming file and line for anything the kit cannot follow."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise KitError(f"cannot be read: {error.strerror}", where=str(file)) from None
    except UnicodeDecodeError:
        raise KitError("is not UTF-8 text", where=str(file)) from None
    module, function = _forward_function(file, text)
    if function.args.posonlyargs or function.args.kwonlyargs or function.args.vararg or function.args.kwarg:
        raise _error(file, function.lineno, "forward() takes plain parameters: no *, no /")
    arguments = tuple(argument.arg for argument in function.args.args)
    for name in arguments:
        if name not in inputs and name not in sizes:
            raise _error(
                file,
                function.lineno,
                f"forward() takes {name}, which lesson.toml lists neither under "
                f"[inputs] nor under [sizes]{did_you_mean(name, inputs + sizes)}",
            )
    for name in inputs:
        if name not in arguments:
            raise _error(file, function.lineno, f"lesson.toml draws the input {name}, which forward() does not take")
    known = _module_names(module) | set(dir(builtins))
    try:
        statements = _statements(file, text, function, arguments, inputs, loss, known)
    except RecursionError:
        raise _error(file, function.lineno, "forward() is nested too deeply") from None
    return Graph(file, text, arguments, inputs, statements, loss)


def _forward_function(file: Path, text: str) -> tuple[ast.Module, ast.FunctionDef]:
    try:
        module = ast.parse(text)
    except SyntaxError as error:
        raise _error(file, error.lineno or 0, f"is not Python: {error.msg}") from None
    except (RecursionError, MemoryError):  # the parser's own limits
        raise _error(file, 1, "is nested too deeply") from None
    except ValueError as error:
        raise _error(file, 1, f"is not Python: {error}") from None
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name == "forward":
            return module, node
    raise _error(file, 1, "has no function `forward`; the network is its body, one assignment a line")


def _statements(
    file: Path,
    text: str,
    function: ast.FunctionDef,
    arguments: tuple[str, ...],
    inputs: tuple[str, ...],
    loss: str,
    elsewhere: set[str],
) -> tuple[Statement, ...]:
    body = [node for node in function.body if not _is_docstring(node)]
    if not body or not (isinstance(body[-1], ast.Return) and isinstance(body[-1].value, ast.Name)):
        raise _error(file, function.end_lineno or 0, f"forward() has to end with `return {loss}`")
    if body[-1].value.id != loss:
        raise _error(file, body[-1].lineno, f"forward() returns {body[-1].value.id}, but lesson.toml's loss is {loss}")
    made_later = {
        node.targets[0].id: node.lineno
        for node in body[:-1]
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    found: list[Statement] = []
    known = list(arguments)
    for node in body[:-1]:
        name, value = _named(file, node)
        if name in known:
            raise _error(file, node.lineno, f"{name} is made twice; every tensor needs a name of its own")
        read = _names_read(value)
        for other in read:
            if other not in known and other in made_later:
                raise _error(
                    file,
                    node.lineno,
                    f"{name} is made from {other}, which is made only in line "
                    f"{made_later[other]}: the lines form a cycle or stand in the wrong order",
                )
            if other not in known and other not in elsewhere:
                raise _error(
                    file,
                    node.lineno,
                    f"{name} is made from {other}, which is neither an argument of "
                    f"forward() nor made by a line above{did_you_mean(other, known)}",
                )
        source = " ".join((ast.get_source_segment(text, node) or "").split())
        tensors = tuple(other for other in read if other in inputs or other in {s.tensor for s in found})
        found.append(Statement(name, tensors, node.lineno, source, ast.unparse(value), _picks(value)))
        known.append(name)
    if loss not in {statement.tensor for statement in found}:
        raise _error(file, function.lineno, f"no line makes {loss}, the loss of lesson.toml")
    return tuple(found)


def _module_names(module: ast.Module) -> set[str]:
    """What the top level of forward.py binds: imports, constants, helper functions."""
    names: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        else:
            names |= {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return names


def _named(file: Path, node: ast.stmt) -> tuple[str, ast.expr]:
    """The one name an assignment makes, and the expression it is made from."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            return name, value
        case ast.Expr():
            problem = "a line without a name; write `name = ...`, because every intermediate has a gradient"
        case ast.Assign():
            problem = "an assignment to something else than one name; write one `name = ...` a line"
        case ast.AugAssign():
            problem = "an update in place; give the new tensor a name of its own"
        case _:
            problem = f"a {type(node).__name__.lower()} statement; forward() is made of assignments alone"
    raise _error(file, node.lineno, problem)


def _names_read(value: ast.expr) -> list[str]:
    loads = sorted(free_loads(value), key=lambda node: (node.lineno, node.col_offset))
    return list(dict.fromkeys(node.id for node in loads))


def _picks(value: ast.expr) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr in _PICKING for node in ast.walk(value))


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _error(file: Path, line: int, problem: str) -> KitError:
    return KitError(problem, where=f"{file}:{line}")
