"""forward.py, run: the whole forward pass, or one statement of it. (The lesson's own code: trusted.)"""

from __future__ import annotations

import ast
import traceback
from collections.abc import Callable, Mapping
from functools import cached_property
from types import CodeType
from typing import Any

from torch import Tensor

from grader.errors import KitError
from grader.lesson.graph import Graph, Statement

Values = dict[str, Tensor]


class Network:
    """The executable side of a Graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._globals: dict[str, Any] = {"__name__": "forward"}
        try:
            exec(compile(graph.text, str(graph.file), "exec"), self._globals)
        except Exception as error:
            raise self._failed(error) from None

    def forward(self, inputs: Mapping[str, Tensor], sizes: Mapping[str, int]) -> Values:
        """All tensors of one forward pass by name, inputs included."""
        given = {**sizes, **inputs}
        try:
            made = self._returning_all(**{name: given[name] for name in self.graph.arguments})
        except Exception as error:
            raise self._failed(error) from None
        return {name: made[name] for name in self.graph.tensors}

    def _failed(self, error: Exception) -> KitError:
        """Names the line of forward.py on which the forward pass broke."""
        file = str(self.graph.file)
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        where = f"{file}:{lines[-1]}" if lines else file
        return KitError(f"cannot be run: {type(error).__name__}: {error}", where=where)

    def evaluate(self, statement: Statement, values: Mapping[str, Any], expression: str = "") -> Tensor:
        """The right-hand side of one statement, or another `expression` of the kit's own in its place."""
        code = compile(expression, "forward.py", "eval") if expression else self._code[statement.tensor]
        try:
            # One namespace: what a comprehension reads inside is looked for among the globals.
            result = eval(code, {**self._globals, **values})
        except Exception as error:
            where = f"{self.graph.file}:{statement.line}"
            problem = f"{statement.source} failed: {type(error).__name__}: {error}"
            raise KitError(problem, where=where, mend=_way_out(statement)) from None
        where = f"{self.graph.file}:{statement.line}"
        if not isinstance(result, Tensor):
            problem = f"{statement.tensor} is no tensor but {type(result).__name__}"
            raise KitError(problem, where=where, mend="write it into the line that uses it, or give it under [sizes]")
        if statement.tensor == self.graph.loss and result.numel() != 1:
            raise KitError(f"the loss has shape {tuple(result.shape)}; expected one number", where=where)
        return result

    @cached_property
    def _code(self) -> dict[str, CodeType]:
        return {s.tensor: compile(s.expression, f"forward.py:{s.line}", "eval") for s in self.graph.statements}

    @cached_property
    def _returning_all(self) -> Callable[..., dict[str, Tensor]]:
        """forward(), but returning its local variables instead of the loss."""
        module = ast.parse(self.graph.text)
        for node in module.body:
            if isinstance(node, ast.FunctionDef) and node.name == "forward":
                node.body[-1] = ast.parse("return locals()").body[0]
        namespace: dict[str, Any] = {"__name__": "forward"}
        exec(compile(ast.fix_missing_locations(module), str(self.graph.file), "exec"), namespace)
        function: Callable[..., dict[str, Tensor]] = namespace["forward"]
        return function


def _way_out(statement: Statement) -> str:
    """What to write in place of a line that holds only in one dtype: the lesson runs in float32 and in float64."""
    words = (".float()", ".double()", "float32", "float64")
    word = next((word for word in words if word in statement.expression), "")
    return f"{word} fixes the dtype: write .to(t.dtype), with a tensor t that it meets" if word else ""
