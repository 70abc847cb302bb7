"""Which submissions `grade` found, and which files: a few lines in the terminal, and all of it in DIR/taken.txt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console

from grader.downloads.hosts import title_of
from grader.downloads.tree import OF_A_RUN
from grader.report.terminal import one_line
from grader.submission.model import Found, NotTaken, Submission

TAKEN = "taken.txt"
_MOST_LINES = 20
_EXERCISES, _NOTEBOOKS, _SCRIPTS, _NOTHING = "exercise files", "notebooks", "other .py files", "nothing to grade"


def show_taken(console: Console, found: Found) -> None:
    """A line of counts: what the submissions hold, and which host named them; then what is no student's."""
    count = len(found.submissions)
    kinds = Counter(_kind(submission) for submission in found.submissions)
    said = ", ".join(
        f"{kinds[kind]} with {kind}" for kind in (_EXERCISES, _NOTEBOOKS, _SCRIPTS, _NOTHING) if kinds[kind]
    )
    plural = "submissions" if count != 1 else "submission"
    console.print(f"found {count} {plural}: {said}{_hosts(found.submissions)}", soft_wrap=True)
    for entry in found.not_taken:
        if entry.why == OF_A_RUN:
            console.print(f"skipped: {one_line(str(entry.path))} holds {OF_A_RUN}", soft_wrap=True)


def show_attendance(console: Console, listed: int, absent: Sequence[str], unknown: Sequence[str]) -> None:
    """How many of a roster's students handed in, who did not, and which submissions are not on it."""
    console.print(f"roster: {listed - len(absent)} of {listed} students handed in", soft_wrap=True)
    for said, those in (("handed in nothing", absent), ("not in the roster", unknown)):
        if those:
            shown = ", ".join(map(one_line, those[:_MOST_LINES]))
            more = f" and {len(those) - _MOST_LINES} more" if len(those) > _MOST_LINES else ""
            console.print(f"{said}: {shown}{more}", style="yellow", soft_wrap=True)


def show_not_taken(console: Console, found: Found, where: str = "") -> None:
    """A line for each file that is nobody's and may matter, and one for all the others."""
    entries = doubtful(found)
    for entry in entries[:_MOST_LINES]:
        said = f"not a submission: {one_line(str(entry.path))} ({one_line(entry.why)})"
        console.print(said, style="yellow", soft_wrap=True)
    if len(entries) > _MOST_LINES:
        console.print(f"and {len(entries) - _MOST_LINES} more that are not submissions", style="yellow")
    others = [entry for entry in found.not_taken if entry.beside and not entry.is_junk]
    if others:
        console.print(f"ignored: {_counted(Counter(map(_format, others)))}", soft_wrap=True)
    if where and (others or len(entries) > _MOST_LINES):
        console.print(f"full file list: {where}", soft_wrap=True)


def doubtful(found: Found) -> list[NotTaken]:
    """What is nobody's, and not what a tool left behind."""
    return [entry for entry in found.not_taken if not entry.beside and not entry.is_junk and entry.why != OF_A_RUN]


def listing(found: Found) -> str:
    """The text of taken.txt: every file that was found, under its submission."""
    beside: dict[str, list[NotTaken]] = {}
    for entry in found.not_taken:
        beside.setdefault(entry.beside, []).append(entry)
    lines: list[str] = []
    for submission in found.submissions:
        lines += [*_of(submission, beside.get(submission.name, ())), ""]
    if beside.get(""):
        lines += ["not submissions", *(f"  {_entry(entry)}" for entry in beside[""]), ""]
    return "\n".join(lines)


def _of(submission: Submission, beside: Iterable[NotTaken]) -> Iterator[str]:
    yield f"{one_line(submission.name)}{_who(submission)}: {_kind(submission)}"
    yield f"  at {one_line(str(submission.path))}"
    for exercise, path in sorted(submission.files.items()):
        yield f"  read for {exercise}: {one_line(path.name)}"
    for path in submission.lone_files:
        yield f"  read for any exercise: {one_line(path.name)}"
    for path in submission.own_files:
        yield f"  read where it is imported: {one_line(path.name)}"
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
    words = [title_of(identity.lms), identity.user_id, identity.display_name]
    words += ["anonymous"] * identity.anonymous + ["late"] * identity.late
    return f" ({', '.join(one_line(word) for word in words if word)})"


def _kind(submission: Submission) -> str:
    """What a submission holds, in words that can be counted."""
    if submission.files:
        return _EXERCISES
    if any(path.suffix.lower() == ".ipynb" for path in submission.lone_files):
        return _NOTEBOOKS
    return _SCRIPTS if submission.lone_files else _NOTHING


def _hosts(submissions: Iterable[Submission]) -> str:
    """`; from Canvas 30 (2 late, 1 anonymous)`."""
    identities = [submission.identity for submission in submissions if submission.identity]
    if not identities:
        return ""
    late = sum(identity.late for identity in identities)
    anonymous = sum(identity.anonymous for identity in identities)
    marks = [f"{count} {word}" for count, word in ((late, "late"), (anonymous, "anonymous")) if count]
    names = Counter(title_of(identity.lms) for identity in identities)
    said = ", ".join(f"{name} {count}" for name, count in names.most_common())
    return f"; from {said}" + (f" ({', '.join(marks)})" if marks else "")


def _format(entry: NotTaken) -> str:
    return entry.path.suffix.lower()


def _counted(counts: Counter[str]) -> str:
    """`20 .toml files, 1 .pdf file`"""
    return ", ".join(
        f"{count} {one_line(suffix)} {'files' if count != 1 else 'file'}" if suffix else f"{count} without an extension"
        for suffix, count in sorted(counts.items(), key=lambda c: (-c[1], c[0]))
    )
