"""The session, drawn: what is where on the screen. 80 columns and 24 lines are enough."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.padding import Padding
from rich.rule import Rule
from rich.style import Style
from rich.syntax import Syntax
from rich.text import Text

from grader.lesson import Exercise, Step
from grader.lesson.own import solution
from grader.report.explained import explanation
from grader.report.hints import nearest_mend
from grader.report.marks import STYLES, chain_of_marks, mark
from grader.report.terminal import beside, explained_verdict, near_path, plain
from grader.results.gradebook import number
from grader.submission.answers import callable_of
from grader.watch.page import Page
from grader.watch.reset import BACKUPS
from grader.watch.session import Session
from grader.wording import counted

_KEYS = "h hint  n next  l list  o forward line  e explain  r reset  c check all  q quit"
_NAME = 18
_LINES_AROUND = 4


@dataclass(frozen=True)
class Clock:
    """What the picture needs of time."""

    waited: float = 0.0  # seconds since the question that is being judged was put
    took: float | None = None  # seconds from the last save to its verdict
    is_warm: bool = False  # torch is imported


def picture(session: Session, clock: Clock, ascii_only: bool = False) -> Layout:
    """The whole screen."""
    head = _head(session, clock, ascii_only)
    foot = [_status(session, clock), Text(_KEYS, style="dim", no_wrap=True, overflow="ellipsis")]
    layout = Layout()
    layout.split_column(
        Layout(Group(*head, Rule(style="dim")), size=len(head) + 1),
        Layout(Page(_body(session, ascii_only), session.page)),
        Layout(Group(Rule(style="dim"), *foot), size=3),
    )
    return layout


def _head(session: Session, clock: Clock, ascii_only: bool) -> list[Text]:
    """Title and points; then a line an exercise, the chain first, with the step in focus marked."""
    points = f"{number(session.score)} of {number(session.lesson.max_score)} points"
    took = f"   {clock.took:.2f} s" if clock.took is not None else ""
    where = near_path(session.submission.path)  # last: it may be long
    title = Text.assemble((session.lesson.name, "bold"), "   ", (points, "bold"), (took, "dim"), f"   {where}")
    title.overflow = "ellipsis"
    title.no_wrap = True
    if session.view == "list":
        return [title]
    return [title, *(_exercise(session, exercise, ascii_only) for exercise in session.lesson.exercises)]


def _exercise(session: Session, exercise: Exercise, ascii_only: bool) -> Text:
    verdicts = [(_verdict(session, step), step == session.focus) for step in exercise.steps]
    results = [session.results.get(step.path) for step in exercise.steps]
    score = sum(result.score for result in results if result)
    line = Text(f"{exercise.name:<{_NAME}} ", no_wrap=True, overflow="ellipsis")
    line.append_text(chain_of_marks(verdicts, ascii_only))
    line.append(f"  {number(score)}/{number(exercise.max_score)}", style="dim")
    if exercise.is_chain and session.reaches:
        line.append(f"  own chain: {session.reaches}", style="dim")
    return line


def _verdict(session: Session, step: Step) -> str | None:
    result = session.results.get(step.path)
    return result.verdict if result else None


def _status(session: Session, clock: Clock) -> Text:
    """One line: a question, what is going on, or what the last key did."""
    if session.is_asking:
        question = f"reset {session.focus.name} to its stub? a copy goes to {BACKUPS}/   y yes, other keys no"
        return Text(question, style="bold yellow")
    if session.says:
        return Text(session.says, style="cyan", no_wrap=True, overflow="ellipsis")
    if not clock.is_warm:
        return Text("starting: torch is being imported", style="dim")
    if session.waiting and clock.waited > 1:
        limit = session.lesson.limits.step_seconds
        return Text(f"still judging, {clock.waited:.0f} s: your code may take {limit:g} s a step", style="yellow")
    if session.waiting:
        return Text("judging", style="dim")
    return Text("save a file, and it is judged", style="dim")


def _body(session: Session, ascii_only: bool) -> list[RenderableType]:
    match session.view:
        case "list":
            return _list(session, ascii_only)
        case "forward":
            return _forward(session)
        case "explain":
            return _explained(session)
    return _step(session)


def _step(session: Session) -> list[RenderableType]:
    """The step in focus: its verdict, its forward lines, the message, the hint."""
    step, result = session.focus, session.result
    parts: list[RenderableType] = [_title(session), *_forward_lines(session)]
    if result and result.verdict == "missing":
        parts += [Text(), Text(_what_is_missing(session))]
    elif result:
        parts += [Text(), *explained_verdict(result, step.exercise, session.lesson)]
        if result.passes:
            parts.append(Text("right. n goes on, e explains" if session.level == 0 else "right. n goes on"))
        parts += beside(result)
    if session.level:
        parts += [Text(), *_hint(session)]
    parts += [Text(f"note: {plain(note)}", style="yellow") for note in session.notes]
    return parts


def _title(session: Session) -> Text:
    step, result = session.focus, session.result
    verdict = result.verdict if result else "not judged yet"
    title = Text.assemble((step.name, "bold"), "  ", (verdict, STYLES.get(verdict, "dim")))
    if _place(session):
        title.append("  ")
        title.append(_place(session), style=_link(session.file, session.answer.line or 1))
    story = session.progress.get(step.path)
    if story and (story.attempts or story.hints):
        title.append(f"  {counted(story.attempts, 'attempt')}, {counted(story.hints, 'hint')}", style="dim")
    title.no_wrap = True
    return title


def _forward_lines(session: Session) -> list[RenderableType]:
    graph = session.lesson.graph
    if session.focus.is_training:
        return []
    lines = []
    for user in graph.users[session.focus.tensor]:
        line = Text(f"  {user.source}  ")
        line.append(f"{graph.file.name}:{user.line}", style=_link(graph.file, user.line))
        lines.append(line)
    return [*lines]


def _what_is_missing(session: Session) -> str:
    place = _place(session) or f"{session.focus.exercise}.py"
    return f"{plain(session.answer.message)}: write it at {place} and save; h gives a hint"


def _place(session: Session) -> str:
    """`ex1_chain.py:41`; `mine.ipynb, cell 5, line 3`; '' where nothing is written."""
    answer = session.answer
    at = answer.origin.place(answer.line) if answer.line else None
    if at is None:
        return ""
    return plain(f"{answer.file}:{at.line}" if at.cell is None else f"{answer.file}, cell {at.cell}, line {at.line}")


def _hint(session: Session) -> list[RenderableType]:
    step, level = session.focus, session.level
    parts: list[RenderableType] = [
        Text.assemble((f"hint {level} of {len(step.hints)}  ", "bold cyan"), step.hints[level - 1])
    ]
    mend = nearest_mend(session.result, level) if session.result else ""
    if mend:
        parts.append(Text(plain(mend), style="cyan"))
    if step.watch:
        parts.append(Text(f"watch {step.watch}  {session.lesson.watch_url(step)}", style="dim"))
    return parts


def _list(session: Session, ascii_only: bool) -> list[RenderableType]:
    """Every step with its mark, in columns; the arrows move."""
    parts: list[RenderableType] = []
    for exercise in session.lesson.exercises:
        parts.append(Text(exercise.name, style="bold"))
        cells = [_cell(session, step, ascii_only) for step in exercise.steps]
        parts.append(Padding(Columns(cells, width=_NAME, column_first=True), (0, 0, 0, 1)))
    return parts


def _cell(session: Session, step: Step, ascii_only: bool) -> Text:
    verdict = _verdict(session, step)
    style = Style.parse(STYLES.get(verdict or "missing", "dim"))
    here = Style(reverse=step == session.focus)
    return Text(f"{mark(verdict, ascii_only)} {step.name}", style=style + here)


def _forward(session: Session) -> list[RenderableType]:
    """forward.py around the lines that use the tensor; these are highlighted."""
    graph = session.lesson.graph
    used = {user.line for user in graph.users.get(session.focus.tensor, ())} or {graph.statements[-1].line}
    first, last = max(1, min(used) - _LINES_AROUND), max(used) + _LINES_AROUND
    code = Syntax(
        graph.text,
        "python",
        theme="ansi_dark",
        background_color="default",
        line_numbers=True,
        line_range=(first, last),
        highlight_lines=used,
    )
    what = Text(f"the lines that use {session.focus.tensor}: ")
    what.append(f"{near_path(graph.file)}:{min(used)}", style=_link(graph.file, min(used)))
    return [what, code]


def _explained(session: Session) -> list[RenderableType]:
    step = session.focus
    exercise = session.lesson.exercise(step.exercise)
    text = solution(session.lesson, exercise, callable_of(exercise, step))
    why = "the solutions are not in this copy of the kit; your instructor has them"
    return [Text(f"{step.name}, explained", style="bold"), explanation(text) if text else Text(why)]


def _link(path: Path | None, line: int) -> Style:
    """A link that many terminals open in the editor."""
    return Style(color="blue", link=f"{path.resolve().as_uri()}#L{line}" if path else None)
