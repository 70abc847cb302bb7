"""The closed language of a step.

    space = namespace()                                   # a program's globals
    exec(compiled(statement, "answer.py", source), space)   # one top-level statement, or a whole ast.Module
    for facts in taken_refusals(): ...                    # what it asked for outside the language, swallowed or not

A program is compiled from its syntax tree into guarded code. What it may reach is decided at run time by the exact
type of the object in hand (guards.py), by tables that are data (tables.toml). Modules are facades; a student's own
files become some with `own_facade`. A refusal ends the program with a `Refusal`, which it cannot catch. `budget(n)`
lets it take n turns (iterations and calls), then raises `Overrun`; `turns_used()` and `was_overrun()` tell.
`extend(words)` adds what a lesson allows, once, before the first `namespace()` of the process.
"""

from grader.runner.language.budget import budget, turns_used, was_overrun
from grader.runner.language.compiler import compiled
from grader.runner.language.facades import bound_names, extend, facade, namespace, own_facade, prepare
from grader.runner.language.refusal import Facts, Overrun, Refusal, forgiven_refusals, remember, taken_refusals
from grader.runner.language.values import Facade, Unavailable

__all__ = [
    "Facade",
    "Facts",
    "Overrun",
    "Refusal",
    "Unavailable",
    "bound_names",
    "budget",
    "compiled",
    "extend",
    "facade",
    "forgiven_refusals",
    "namespace",
    "own_facade",
    "prepare",
    "remember",
    "taken_refusals",
    "turns_used",
    "was_overrun",
]
