"""Which edits can mend what is wrong: by what the verdict says of it, and by where it shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from grader.judge.mend.flow import Flow, Position, Span
from grader.judge.mend.text import Edit
from grader.results.model import StepResult

# The mistakes that change nothing of the form of an answer: shapes, types, whether it runs at all.
_NO_FORM = frozenset({"sign", "path-sign", "path-factor", "bessel", "eps", "derivative"})
_VALUES = _NO_FORM | {
    "factor", "missing-factor", "extra-factor", "extra-term", "missing-path", "extra-path", "wrong-tensor",
    "wrong-gradient", "brackets", "overwritten", "lost-repeats", "spread", "hard-coded", "missing-sum", "extra-sum",
}  # fmt: skip
_OF_SIZES = frozenset({"", "hard-coded", "factor", "path-factor", "bessel", "not-expanded", "keepdim", "extra-sum"})

SYMPTOMS = frozenset({"missing-path", "zeros"})  # what the numbers say of a lost path
CAUSES = frozenset({"overwritten", "brackets"})  # what may have lost it, as only an edit shows
# Edits of other tags that mend a mistake of this one: a sign of the whole is lost with that of its only term.
_KIN: Mapping[str, frozenset[str]] = {
    "sign": frozenset({"path-sign"}),
    "path-sign": frozenset({"sign"}),
    "factor": frozenset({"path-factor", "extra-factor", "derivative"}),
    "path-factor": frozenset({"extra-factor"}),
    "missing-path": frozenset({"missing-factor"}),
    "extra-path": frozenset({"brackets", "extra-factor", "wrong-gradient"}),
    "wrong-gradient": frozenset({"wrong-tensor", "missing-factor", "missing-path"}),
    "lost-repeats": frozenset({"overwritten"}),
    "reordered": frozenset({"transposed"}),
    "not-finite": frozenset({"brackets", "derivative"}),
}


@dataclass(frozen=True)
class Showing:
    """One gradient that an answer gives: what was said of it, and whether it can be told from 0."""

    result: StepResult
    proves: bool


def may_mend(edit: Edit, result: StepResult) -> bool:
    """Whether an edit of this kind can help an answer with this verdict."""
    match result.verdict:
        case "shape":  # its values are right
            return edit.tag not in _VALUES
        case "mutates":
            return edit.tag == "in-place"
        case "hard-coded":
            return edit.tag in _OF_SIZES or "lecture's sizes" not in result.message
        case "error":
            is_no_tensor = result.mistake is not None and result.mistake.tag == "no-tensor"
            return edit.tag == "no-tensor" if is_no_tensor else edit.tag not in _NO_FORM
    return True


@dataclass(frozen=True)
class Named:
    """What the numbers say of an answer's mistake, as the order in which edits are tried."""

    tags: frozenset[str]
    kin: frozenset[str]

    def rank(self, edit: Edit) -> int:
        """0 for an edit of the mistake that was named, 1 for one akin to it; then those of no named kind, then others.

        Where nothing was named, no kind of edit is likelier than another.
        """
        kind = edit.kind or edit.tag
        if not self.tags or kind in self.tags:
            return 0
        if kind in self.kin:
            return 1
        return 3 if kind else 2


def named(wrong: Iterable[StepResult]) -> Named:
    """What is said of the steps that an answer has wrong."""
    tags = frozenset(result.mistake.tag for result in wrong if result.mistake)
    tags |= CAUSES if "missing-path" in tags else frozenset()
    return Named(tags, frozenset[str]().union(*(_KIN.get(tag, ()) for tag in tags)))


@dataclass(frozen=True)
class Places:
    """Where the mistake can stand: behind something wrong, and rather not behind what is right."""

    known: frozenset[Span]
    wrong: frozenset[Span]
    right: frozenset[Span]

    def are_likely(self, position: Position) -> bool:
        return self._are_suspect(position) and not _holds(self.right, position)

    def are_doubtful(self, position: Position) -> bool:
        return self._are_suspect(position) and _holds(self.right, position)

    def _are_suspect(self, position: Position) -> bool:
        return _holds(self.wrong, position) or not _holds(self.known, position)


def places_of(flow: Flow | None, showings: Sequence[Showing]) -> Places:
    """Where the mistake can stand; everywhere, where nobody knows how data flows."""
    if flow is None:
        return Places(frozenset(), frozenset(), frozenset())
    wrong: set[Span] = set()
    right: set[Span] = set()
    for number, showing in enumerate(showings):
        if showing.result.passes:
            right |= flow.behind(number) if showing.proves else frozenset()
        else:
            line = showing.result.line if showing.result.verdict == "error" else None
            raised = flow.behind_line(line) if line is not None else None
            wrong |= flow.behind(number) if raised is None else raised
    return Places(flow.all(), frozenset(wrong), frozenset(right))


def _holds(spans: Iterable[Span], position: Position) -> bool:
    return any(span.holds(position) for span in spans)
