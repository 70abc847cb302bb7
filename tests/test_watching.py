"""`grader watch`: from the first stub to all right in a real terminal; and its parts by themselves."""

from __future__ import annotations

import io
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from grader.errors import KitError
from grader.judge.submission import Judge
from grader.lesson import Lesson
from grader.lesson.own import solution, untouched
from grader.submission.answers import callables, read_answers
from grader.submission.find import submission_at
from grader.watch.keyboard import keys_in
from grader.watch.picture import Clock, picture
from grader.watch.reset import block_of, reset, with_stub
from grader.watch.session import Session, judged, looking_at, opened, pressed, saved
from tests.support import ROOT, run_grader
from tests.terminal import Terminal

SOLUTIONS = ROOT / "solutions" / "mlp"
SETTLED = "save a file, and it is judged"


@pytest.fixture
def answers(tmp_path: Path, lesson: Lesson) -> Path:
    """A student's folder as it was handed out."""
    folder = tmp_path / "answers"
    folder.mkdir()
    for exercise in lesson.exercises:
        text = untouched(lesson, exercise)
        assert text is not None
        (folder / exercise.file).write_text(text, encoding="utf-8")
    return folder


def fill_in(folder: Path, file: str, function: str, body: str) -> None:
    """Writes a body in place of a stub's raise, as an editor saves it."""
    path = folder / file
    indented = "\n".join(f"    {line}" if line else "" for line in body.splitlines())
    text = path.read_text(encoding="utf-8")
    stub = f'    raise NotImplementedError("{function}")'
    assert stub in text
    path.write_text(text.replace(stub, indented), encoding="utf-8")


def solved(lesson: Lesson, exercise: str, function: str) -> str:
    text = solution(lesson, lesson.exercise(exercise), function)
    assert text is not None
    return text


# --- the whole way, in a terminal -------------------------------------------------------------------------


def test_a_student_goes_from_the_first_stub_to_all_right(answers: Path, lesson: Lesson) -> None:
    with Terminal(["watch", answers]) as terminal:
        terminal.shows("dlogprobs  missing", "0 of 44 points", SETTLED)

        fill_in(answers, "ex1_chain.py", "dlogprobs", "return logprobs @ Yb.float().double()")
        terminal.shows("dlogprobs  error", "logprobs is (32, 27), Yb is (32,)", SETTLED)
        terminal.press("r")
        terminal.shows("reset dlogprobs to its stub?")
        terminal.press("x")
        terminal.shows("nothing was changed", "dlogprobs  error")
        terminal.press("ry")
        terminal.shows("dlogprobs is a stub again", "dlogprobs  missing")

        fill_in(
            answers, "ex1_chain.py", "dlogprobs", solved(lesson, "ex1_chain", "dlogprobs").replace("-1 / n", "1 / n")
        )
        terminal.shows("dlogprobs  wrong", "lost or doubled minus", SETTLED)
        for level in (1, 2, 3):
            terminal.press("h")
            terminal.shows(f"hint {level} of 3")
        terminal.shows("nearest mend")
        terminal.press("o")
        terminal.shows("the lines that use logprobs")

        path = answers / "ex1_chain.py"
        path.write_text(path.read_text(encoding="utf-8").replace("1 / n\n", "-1 / n\n"), encoding="utf-8")
        terminal.shows("dlogprobs  exact", "own chain: dlogprobs", "1 of 44 points", SETTLED)
        terminal.press("e")
        terminal.shows("dlogprobs, explained", "why: the loss reads one entry a row")
        terminal.press("n")
        terminal.shows("dprobs  missing")

        for exercise in lesson.exercises:
            for name in callables(exercise):
                if (exercise.name, name) != ("ex1_chain", "dlogprobs"):
                    fill_in(answers, exercise.file, name, solved(lesson, exercise.name, name))
        terminal.shows("44 of 44 points", "own chain: dC", SETTLED)
        terminal.press("q")
        assert terminal.ends() == 0
        assert "44 of 44 points, 36 of 36 steps right" in terminal.text
    story = json.loads((answers / "progress.json").read_text(encoding="utf-8"))["steps"]["ex1_chain.dlogprobs"]
    assert (story["attempts"], story["hints"]) == (3, 3)
    assert story["first_right"]
    (backup,) = (answers / "backup").iterdir()
    assert "return logprobs @ Yb" in backup.read_text(encoding="utf-8")


def test_code_that_hangs_holds_up_neither_the_keys_nor_the_next_save(answers: Path) -> None:
    with Terminal(["watch", answers]) as terminal:
        terminal.shows(SETTLED)
        fill_in(answers, "ex1_chain.py", "dprobs", "while True: pass")
        terminal.shows("still judging")
        start = time.monotonic()
        terminal.press("l")
        terminal.shows("dbnvar_inv")
        assert time.monotonic() - start < 2
        path = answers / "ex1_chain.py"
        text = path.read_text(encoding="utf-8").replace("while True: pass", "return dlogprobs / probs")
        start = time.monotonic()
        path.write_text(text, encoding="utf-8")
        terminal.shows("dprobs  exact")
        assert time.monotonic() - start < 8  # the step's own limit is 10 s
        terminal.press("q")
        assert terminal.ends() == 0


def test_a_small_terminal_shows_a_part_and_turns_the_page(answers: Path) -> None:
    with Terminal(["watch", answers], columns=60, lines=17) as terminal:
        terminal.shows("dlogprobs  missing", SETTLED)
        terminal.press("hhh")
        terminal.shows("not filled in yet", "... space: more")
        terminal.press(" ")
        terminal.shows("the same [range(n), Yb].", "... space: from the top")
        terminal.resize(80, 24)
        terminal.shows("hint 3 of 3", "watch 13:01", "q quit")


def test_watch_without_a_terminal_is_exit_code_2_and_names_check() -> None:
    ran = run_grader("watch")
    assert ran.returncode == 2
    assert "watch needs a terminal" in ran.stderr
    assert "make check" in ran.stderr


# --- the session ------------------------------------------------------------------------------------------


@pytest.fixture
def session(answers: Path, lesson: Lesson) -> Session:
    submission = submission_at(answers, lesson)
    return opened(submission, lesson, read_answers(submission, lesson))


def after_save(session: Session) -> Session:
    submission = submission_at(session.submission.path, session.lesson)
    return saved(replace(session, waiting=()), submission, read_answers(submission, session.lesson))


def with_verdicts(session: Session, judge: Judge) -> Session:
    """All that is waiting, judged."""
    while session.waiting:
        request = session.waiting[0]
        session = judged(session, request, judge.judge(request))
    return session


def asked(session: Session) -> list[tuple[int, bool]]:
    """How many steps each waiting question is about, and whether it looks for mends."""
    return [(len(request.steps), request.mends) for request in session.waiting]


def test_at_the_start_every_exercise_is_judged(session: Session, lesson: Lesson) -> None:
    assert [request.steps for request in session.waiting] == [
        frozenset(step.path for step in exercise.steps) for exercise in lesson.exercises
    ]


def test_a_save_asks_for_what_changed_first_and_then_for_its_exercise(session: Session) -> None:
    fill_in(session.submission.path, "ex1_chain.py", "dprobs", "return probs")
    after = after_save(session)
    assert asked(after) == [(1, False), (26, True)]
    assert after.waiting[0].steps == after.changed == {"ex1_chain.dprobs"}


def test_a_save_that_only_moves_answers_asks_for_no_verdict_anew_but_for_lines(session: Session) -> None:
    path = session.submission.path / "ex2_cross_entropy.py"
    path.write_text("# mine\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    after = after_save(session)
    assert asked(after) == [(1, True)]
    assert (after.changed, after.says) == (frozenset(), "saved; no answer changed")


def test_a_save_while_another_exercise_is_judged_does_not_forget_that_one(session: Session) -> None:
    fill_in(session.submission.path, "ex3_batchnorm.py", "dhprebn", "return dhpreact")
    submission = submission_at(session.submission.path, session.lesson)
    after = saved(session, submission, read_answers(submission, session.lesson))
    assert asked(after) == [(1, False), (26, True), (1, True), (1, True), (8, True)]


def test_the_focus_goes_to_what_was_written_and_is_not_right(session: Session, judge: Judge) -> None:
    session = with_verdicts(session, judge)
    assert session.focus.name == "dlogprobs"
    fill_in(session.submission.path, "ex1_chain.py", "dcounts_sum", "return counts_sum")
    fill_in(session.submission.path, "ex1_chain.py", "dprobs", "return dlogprobs / probs")
    after = with_verdicts(after_save(session), judge)
    assert (after.focus.name, after.view) == ("dcounts_sum", "step")
    assert after.score == 1


KEYS: dict[str, tuple[str, dict[str, object], str]] = {
    "h opens the first hint": ("h", {"level": 1, "view": "step"}, "hint"),
    "the next h the second": ("hh", {"level": 2}, "hint"),
    "after the last there is none": ("hhhh", {"level": 3, "says": "hint 3 is the last one"}, ""),
    "l opens the list": ("l", {"view": "list"}, ""),
    "l closes it again": ("ll", {"view": "step"}, ""),
    "o opens the forward line": ("o", {"view": "forward"}, ""),
    "e needs a right answer": ("e", {"view": "step"}, ""),
    "r needs an answer": ("r", {"is_asking": False}, ""),
    "q quits": ("q", {}, "quit"),
    "c checks everything": ("c", {"says": "checking everything again"}, "again"),
    "any other key does nothing": ("z", {"view": "step", "says": ""}, ""),
    "a new step closes the hint": ("hhj", {"level": 0}, ""),
}


@pytest.mark.parametrize("what", KEYS)
def test_a_key_does_what_it_says(what: str, session: Session) -> None:
    keys, wanted, wanted_action = KEYS[what]
    action = ""
    for key in keys:
        session, action = pressed(session, key)
    assert {name: getattr(session, name) for name in wanted} == wanted
    assert action == wanted_action


@pytest.mark.parametrize(("key", "action"), [("y", "reset"), ("n", ""), ("r", ""), ("escape", "")])
def test_reset_asks_first_and_only_y_means_yes(key: str, action: str, session: Session) -> None:
    fill_in(session.submission.path, "ex1_chain.py", "dlogprobs", "return logprobs")
    asking, nothing = pressed(after_save(session), "r")
    assert (asking.is_asking, nothing) == (True, "")
    answered, what = pressed(asking, key)
    assert (answered.is_asking, what) == (False, action)


def test_n_goes_round_what_is_not_right(session: Session, judge: Judge, lesson: Lesson) -> None:
    fill_in(session.submission.path, "ex1_chain.py", "dprobs", "return dlogprobs / probs")
    session = with_verdicts(after_save(session), judge)
    seen = []
    for _ in range(35):
        session, _ = pressed(session, "n")
        seen.append(session.focus.path)
    assert sorted(seen) == sorted(step.path for step in lesson.steps if step.path != "ex1_chain.dprobs")


@pytest.mark.parametrize("view", ["step", "list", "forward"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_every_view_of_every_step_fits_on_80_by_24(
    view: str, ascii_only: bool, session: Session, judge: Judge, lesson: Lesson
) -> None:
    session = with_verdicts(session, judge)
    for step in lesson.steps:
        console = Console(width=80, height=24, record=True, file=io.StringIO())
        shown = replace(looking_at(session, step), view=view)  # type: ignore[arg-type]
        console.print(picture(shown, Clock(is_warm=True), ascii_only), height=24)
        text = console.export_text()
        assert len(text.splitlines()) == 24
        assert step.tensor in text if view != "step" else step.name in text
        assert "q quit" in text


# --- reset ------------------------------------------------------------------------------------------------

STUB = 'def f(x):\n    """One."""\n    raise NotImplementedError("f")\n'
RESETS = {
    "a function": ("a = 1\n\ndef f(x):\n    return x\n\n\ndef g(): pass\n", "a = 1\n\n{stub}\n\ndef g(): pass\n"),
    "with decorators": ("@one\n@two(\n  3)\ndef f(x): return x\nb = 2\n", "{stub}b = 2\n"),
    "a lambda": ("f = lambda x: x\nb = 2\n", "{stub}b = 2\n"),
    "an annotated one": ("f: object = max\n", "{stub}"),
    "twice": ("def f(): pass\nb = 2\ndef f(): pass\nc = 3\n", "{stub}b = 2\nc = 3\n"),
    "without a last newline": ("b = 2\ndef f(x): return x", "b = 2\n{stub}"),
    "not there": ("b = 2", "b = 2\n\n\n{stub}"),
    "with a bracket left open": ("def f(x):\n    return (x\n\ndef g(): pass\n", "{stub}\ndef g(): pass\n"),
    "beside a bracket left open": ("def g(): return (\ndef f(x):\n  return x\n", "def g(): return (\n{stub}"),
    "comments at its end": ("def f(x):\n    return x\n\n    # so\n\n# mine\n", "{stub}\n# mine\n"),
    "a comment of its own": ("def f(x):\n    return x\n# mine\n", "{stub}# mine\n"),
}


@pytest.mark.parametrize("what", RESETS)
def test_a_reset_puts_the_stub_there_and_leaves_all_else(what: str) -> None:
    before, after = RESETS[what]
    assert with_stub(before, "f", STUB) == after.format(stub=STUB)
    assert with_stub(before.replace("\n", "\r\n"), "f", STUB).replace("\r\n", "\n") == after.format(stub=STUB)


def test_reset_of_every_answer_of_the_solutions_gives_the_stubs_back(tmp_path: Path, lesson: Lesson) -> None:
    for exercise in lesson.exercises:
        path = tmp_path / exercise.file
        shutil.copy(SOLUTIONS / exercise.file, path)
        before = path.read_bytes()
        backups = [reset(path, lesson, exercise, name) for name in callables(exercise)]
        assert path.read_text(encoding="utf-8") == untouched(lesson, exercise)
        assert len(set(backups)) == len(backups)
        assert backups[0].read_bytes() == before


def test_reset_of_a_cell_of_a_notebook_leaves_the_other_cells(tmp_path: Path, lesson: Lesson) -> None:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["def dprobs(: prose\n"]},
        {"cell_type": "code", "metadata": {"mine": 1}, "outputs": [], "source": ["x = 1\n", "def dprobs(): return 2"]},
    ]
    path = tmp_path / "mine.ipynb"
    path.write_text(json.dumps({"cells": cells, "nbformat": 4}), encoding="utf-8")
    reset(path, lesson, lesson.exercise("ex1_chain"), "dprobs")
    after = json.loads(path.read_text(encoding="utf-8"))
    assert after["cells"][0] == cells[0]
    assert after["cells"][1]["metadata"] == {"mine": 1}
    stub = block_of(untouched(lesson, lesson.exercise("ex1_chain")) or "", "dprobs")
    assert "".join(after["cells"][1]["source"]) == f"x = 1\n{stub}".rstrip("\n")
    with pytest.raises(KitError, match="no cell of the notebook defines dcounts"):
        reset(path, lesson, lesson.exercise("ex1_chain"), "dcounts")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_what_cannot_be_read_is_left_alone(content: bytes | None, tmp_path: Path, lesson: Lesson) -> None:
    path = tmp_path / "ex1_chain.py"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KitError):
        reset(path, lesson, lesson.exercise("ex1_chain"), "dprobs")
    assert sorted(tmp_path.iterdir()) == ([path] if content is not None else [])


# --- keys -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "names"),
    [
        ("h", ["h"]),
        ("\x1b[A\x1b[B", ["up", "down"]),
        ("\x1bOC", ["right"]),
        ("\x1b", ["escape"]),
        ("\r \n", ["enter", "space", "enter"]),
        ("\x1b[5~q", ["\x1b[5~", "q"]),
        ("ß", ["ß"]),
    ],
)
def test_what_a_terminal_sends_has_names(sent: str, names: list[str]) -> None:
    assert keys_in(sent) == names
