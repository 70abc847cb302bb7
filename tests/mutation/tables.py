"""The outcomes, printed: a table by operator, the survivors with their reasons, the diagnosis, the mends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from rich.console import Console
from rich.table import Table

from tests.mutation.judging import Fate, Outcome, StepOutcome
from tests.mutation.mutators import OPERATORS
from tests.mutation.truths import Fingerprint, fingerprints

_VERDICTS = ("wrong", "shape", "mutates", "hard-coded", "error")
_DIAGNOSED = frozenset(_VERDICTS)
# What a mutant counts as that makes several steps wrong: one silent step makes it silent, one misleading one, so.
_WORST_FIRST = ("misleading", "silent", "right", "rightly silent")
Shared = Mapping[Fingerprint, frozenset[str]]
_REASONS = (
    (Fate.ELSEWHERE, "equal where gradients follow from one another: it starts from another one than its original"),
    (Fate.ZERO, "equal: zero in exact arithmetic, like the original; nothing can tell them apart"),
    (Fate.SINGLE, "accepted in float32, as the rule has it: within 1e-5 of the original on 20 further random cases"),
    (Fate.EQUAL, "equal: within 1e-12 of the original in float64, of its shape, on 20 further random cases"),
)


def print_outcomes(console: Console, outcomes: Sequence[Outcome]) -> None:
    """The table, and the survivors with their reasons."""
    console.print(_table(outcomes))
    for fate, reason in _REASONS:
        survivors = [outcome for outcome in outcomes if outcome.fate is fate]
        if survivors:
            console.print(f"\n[bold]{len(survivors)} {reason}[/bold]")
            _print_titles(console, survivors)


def print_faults(console: Console, outcomes: Sequence[Outcome]) -> None:
    """What the judge got wrong."""
    for fate in (Fate.ESCAPED, Fate.REFUSED):
        for outcome in outcomes:
            if outcome.fate is fate:
                console.print(f"\n[bold red]{fate.value}[/bold red]")
                _print_whole(console, outcome, outcome.telling)


def print_diagnosis(console: Console, outcomes: Iterable[Outcome], shared: Shared) -> None:
    """Whether a mistake that is named was made; `shared` are the tags of mutants with the same numbers."""
    seen = [
        (outcome, replace(step, true_tags=step.true_tags | shared.get(fingerprint, frozenset())))
        for outcome in outcomes
        for step, fingerprint in zip_longest(outcome.steps, fingerprints(outcome.mutant.seed, outcome.mutant.source))
        if _is_diagnosed(step)
    ]
    table = Table("verdict", "right", "silent", "silent, and no tag fits", "misleading")
    for verdict in (*_VERDICTS, None):
        count = Counter(_quality(step) for _, step in seen if verdict in (step.verdict, None))
        row = [count[quality] for quality in ("right", "silent", "rightly silent", "misleading")]
        table.add_row(verdict or "all", *map(str, row), style="bold" if verdict is None else "")
    for quality in ("silent", "misleading"):
        for outcome, step in seen:
            if _quality(step) == quality:
                console.print(f"\n[bold]{quality}: {step.tag}; true: {', '.join(sorted(step.true_tags))}[/bold]")
                _print_whole(console, outcome, step)
    of_mutants: dict[Outcome, set[str]] = {}
    for outcome, step in seen:
        of_mutants.setdefault(outcome, set()).add(_quality(step))
    counts = Counter(next(quality for quality in _WORST_FIRST if quality in own) for own in of_mutants.values())
    row = [counts[quality] for quality in ("right", "silent", "rightly silent", "misleading")]
    table.add_row("by mutant", *map(str, row), style="bold")
    console.print(table)


def print_mends(console: Console, outcomes: Iterable[Outcome]) -> None:
    """For how many of those that do not pass a mend was found."""
    table = Table("operator", "not right", "with a mend")
    caught = [outcome for outcome in outcomes if any(step.verdict in _DIAGNOSED for step in outcome.steps)]
    for operator in (*OPERATORS, None):
        own = [outcome for outcome in caught if operator in (outcome.mutant.operator, None)]
        mended = sum(any(step.mend for step in outcome.steps) for outcome in own)
        table.add_row(operator or "all", str(len(own)), str(mended), style="bold" if operator is None else "")
    console.print(table)


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table("operator", "mutants")
    for name in (*_VERDICTS, "other", "equal", "float32", "escaped", "refused\nthough equal"):
        table.add_column(name, justify="right")
    for operator in (*OPERATORS, None):
        own = [outcome for outcome in outcomes if operator in (outcome.mutant.operator, None)]
        if own:
            table.add_row(operator or "all", *map(str, _row(own)), style="bold" if operator is None else "")
    return table


def _row(outcomes: Sequence[Outcome]) -> list[int]:
    fates = Counter(outcome.fate for outcome in outcomes)
    verdicts = Counter(outcome.telling.verdict for outcome in outcomes if outcome.fate is Fate.CAUGHT)
    known = [verdicts[verdict] for verdict in _VERDICTS]
    equal = fates[Fate.EQUAL] + fates[Fate.ZERO] + fates[Fate.ELSEWHERE]
    others = [fates[Fate.CAUGHT] - sum(known), equal, fates[Fate.SINGLE]]
    return [len(outcomes), *known, *others, fates[Fate.ESCAPED], fates[Fate.REFUSED]]


def _is_diagnosed(step: StepOutcome) -> bool:
    return step.verdict in _DIAGNOSED


def _quality(step: StepOutcome) -> str:
    if step.tag is None:
        return "silent" if step.true_tags else "rightly silent"
    return "right" if step.tag in step.true_tags | _said_by_verdict(step) else "misleading"


def _said_by_verdict(step: StepOutcome) -> frozenset[str]:
    """What the verdict itself says: that the answer is right at the lecture's sizes, or changed an input."""
    return {"hard-coded": frozenset({"hard-coded"}), "mutates": frozenset({"in-place"})}.get(step.verdict, frozenset())


def _print_titles(console: Console, outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        mutant = outcome.mutant
        exact = "" if outcome.fate is not Fate.EQUAL or not _all_identical(outcome) else "  [dim](bit for bit)[/dim]"
        console.print(f"  {_plain(mutant.title)}{exact}", highlight=False, soft_wrap=True)


def _all_identical(outcome: Outcome) -> bool:
    return all(step.is_identical for step in outcome.steps)


def _print_whole(console: Console, outcome: Outcome, step: StepOutcome) -> None:
    console.print(f"{_plain(outcome.mutant.title)}", highlight=False, soft_wrap=True)
    console.print(f"{step.path}: {step.verdict}. {_plain(step.message)}", highlight=False, soft_wrap=True)
    if step.help:
        console.print(f"{step.tag}: {_plain(step.help)}", highlight=False, soft_wrap=True)
    console.print(_plain(outcome.mutant.source), highlight=False, soft_wrap=True)


_plain: Callable[[str], str] = lambda text: text.replace("[", r"\[")  # noqa: E731
