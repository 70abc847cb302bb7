"""What `grade` took for what: a few lines in the terminal, and all of it in DIR/taken.txt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from rich.console import Console

from grader.report.terminal import one_line
from grader.submission.model import Found, NotTaken, Submission

TAKEN = "taken.txt"
_MOST_LINES = 20
_NAMES = {"canvas": "Canvas", "moodle": "Moodle", "gradescope": "Gradescope", "nbgrader": "nbgrader"}


def show_taken(console: Console, found: Found) -> None:
    """A line of counts: of what kind the submissions are, and which system named them."""
    kinds = Counter(_kind(submission) for submission in found.submissions)
    said = ", ".join(f"{count} with {kind}" for kind, count in kinds.most_common())
    console.print(f"taken for submissions: {said}{_systems(found.submissions)}")


def show_not_taken(console: Console, found: Found, where: str = "") -> None:
    """A line for each file that is nobody's and may matter, and one for all the others."""
    entries = doubtful(found)
    for entry in entries[:_MOST_LINES]:
        console.print(
            f"not taken for a submission: {one_line(str(entry.path))} ({one_line(entry.why)})", style="yellow"
        )
    if len(entries) > _MOST_LINES:
        console.print(f"and {len(entries) - _MOST_LINES} more that were not taken", style="yellow")
    others = [entry for entry in found.not_taken if entry.beside and not entry.is_junk]
    if others:
        console.print(f"not read, beside submissions: {_counted(Counter(map(_format, others)))}")
    if where and (others or len(entries) > _MOST_LINES):
        console.print(f"what was taken for what, file by file: {where}")


def doubtful(found: Found) -> list[NotTaken]:
    """What is nobody's, and not what a tool left behind."""
    return [entry for entry in found.not_taken if not entry.beside and not entry.is_junk]


def listing(found: Found) -> str:
    """The text of taken.txt: every file that was found, under what it was taken for."""
    beside: dict[str, list[NotTaken]] = {}
    for entry in found.not_taken:
        beside.setdefault(entry.beside, []).append(entry)
    lines: list[str] = []
    for submission in found.submissions:
        lines += [*_of(submission, beside.get(submission.name, ())), ""]
    if beside.get(""):
        lines += ["not taken for a submission", *(f"  {_entry(entry)}" for entry in beside[""]), ""]
    return "\n".join(lines)


def _of(submission: Submission, beside: Iterable[NotTaken]) -> Iterator[str]:
    yield f"{one_line(submission.name)}{_who(submission)}: {_kind(submission)}"
    yield f"  at {one_line(str(submission.path))}"
    for exercise, path in sorted(submission.files.items()):
        yield f"  read for {exercise}: {one_line(path.name)}"
    for path in submission.lone_files:
        yield f"  read for any exercise: {one_line(path.name)}"
    for note in submission.notes:
        yield f"  note: {one_line(note)}"
    for entry in beside:
        yield f"  not read: {_entry(entry)}"


def _entry(entry: NotTaken) -> str:
    return f"{one_line(str(entry.path))} ({one_line(entry.why)})"


def _who(submission: Submission) -> str:
    """` (Canvas, user 12, late)`."""
    identity = submission.identity
    if identity is None:
        return ""
    words = [_NAMES.get(identity.lms, identity.lms), identity.user_id, identity.display_name]
    words += ["anonymous"] * identity.anonymous + ["late"] * identity.late
    return f" ({', '.join(one_line(word) for word in words if word)})"


def _kind(submission: Submission) -> str:
    """What a submission is, in words that can be counted."""
    notebooks = [path for path in submission.lone_files if path.suffix.lower() == ".ipynb"]
    if submission.files:
        return "the lesson's files and more" if submission.lone_files else "the lesson's files"
    if notebooks:
        return "one notebook" if len(submission.lone_files) == 1 else "several notebooks"
    if submission.lone_files:
        return "one .py file" if len(submission.lone_files) == 1 else "several .py files"
    return "nothing that can be read"


def _systems(submissions: Iterable[Submission]) -> str:
    """`; from Canvas 30 (2 late, 1 anonymous)`."""
    identities = [submission.identity for submission in submissions if submission.identity]
    if not identities:
        return ""
    late = sum(identity.late for identity in identities)
    anonymous = sum(identity.anonymous for identity in identities)
    marks = [f"{count} {word}" for count, word in ((late, "late"), (anonymous, "anonymous")) if count]
    names = Counter(_NAMES.get(identity.lms, identity.lms) for identity in identities)
    said = ", ".join(f"{name} {count}" for name, count in names.most_common())
    return f"; from {said}" + (f" ({', '.join(marks)})" if marks else "")


def _format(entry: NotTaken) -> str:
    return entry.path.suffix.lower() or "without a suffix"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{one_line(word)} {count}" for word, count in sorted(counts.items(), key=lambda c: (-c[1], c[0])))
