"""`grader watch`: from the first stub to all right in a real terminal; and its parts by themselves."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest
from rich.console import Console

from grader.errors import KitError
from grader.judge.submission import Judge
from grader.lesson import Lesson
from grader.lesson.own import solution, untouched
from grader.submission.answers import callables, read_answers
from grader.submission.find import find_submissions, submission_at
from grader.watch.events import Event, Saved
from grader.watch.files import Files
from grader.watch.keyboard import keys_in
from grader.watch.picture import Clock, picture
from grader.watch.reset import block_of, reset, with_stub
from grader.watch.session import Session, judged, looking_at, opened, pressed, saved
from tests.support import ROOT
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


@pytest.mark.parametrize("term", ["no terminal", "dumb", ""])
def test_where_nothing_can_be_drawn_every_save_is_told_in_lines(term: str, answers: Path) -> None:
    with _Lines(answers, term) as watching:
        watching.says("save a file, and what changed is checked; Ctrl-C ends it")
        watching.says("0 of 44 points, 0 of 36 steps right")
        fill_in(answers, "ex1_chain.py", "dprobs", "return dlogprobs * probs")
        told = watching.says("ex1_chain.dprobs: wrong, ex1_chain.py:")
        assert "\x1b" not in told
        assert "missing" not in told
        path = answers / "ex1_chain.py"
        path.write_text(path.read_text(encoding="utf-8").replace("dlogprobs * probs", "dlogprobs / probs"), "utf-8")
        watching.says("ex1_chain.dprobs: exact\n", "1 of 44 points, 1 of 36 steps right")
        assert watching.ends_by_ctrl_c() == 0


class _Lines:
    """`grader watch` without a screen: in a pipe, or in a terminal that calls itself dumb."""

    def __init__(self, folder: Path, term: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb" if term == "no terminal" else term}
        environment["PYTHONFAULTHANDLER"] = "1"  # where it hangs, `_where` asks it
        command = [sys.executable, "-m", "grader", "watch", str(folder)]
        self._here, there = os.pipe() if term == "no terminal" else pty.openpty()
        takes = subprocess.DEVNULL if term == "no terminal" else there
        self._child = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=takes,
            stdout=there,
            stderr=there,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        os.close(there)
        self._said = ""

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.wait()
        os.close(self._here)

    def says(self, *texts: str, within: float = 120.0) -> str:
        """Waits for the texts among what was not looked at before; what was said until then."""
        give_up = time.monotonic() + within
        while not all(text in self._said for text in texts):
            assert time.monotonic() < give_up, self._where()
            if select.select([self._here], [], [], 0.1)[0]:
                self._said += os.read(self._here, 1 << 16).decode().replace("\r\n", "\n")
        told, self._said = self._said, ""
        return told

    def ends_by_ctrl_c(self) -> int:
        """What it says until then is read: a full terminal would hold it up."""
        self._child.send_signal(signal.SIGINT)
        give_up = time.monotonic() + 120
        while self._child.poll() is None:
            assert time.monotonic() < give_up, self._where()
            self._reads(1.0)
        return self._child.returncode

    def _reads(self, within: float) -> None:
        if select.select([self._here], [], [], within)[0]:
            with suppress(OSError):  # a terminal whose other side is closed
                self._said += os.read(self._here, 1 << 16).decode(errors="replace")

    def _where(self) -> str:
        """What it said, and the lines at which each of its threads waits."""
        self._child.send_signal(signal.SIGABRT)
        for _ in range(10):
            self._reads(0.3)
        return self._said


# --- saves ------------------------------------------------------------------------------------------------


def _replaced(path: Path, text: str) -> None:
    """As vim and most editors save: a new file in the old one's place."""
    new = path.with_name(f".{path.name}.swp")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def _moved_away(path: Path, text: str) -> None:
    """As others do: the old one is kept as a backup."""
    path.rename(path.with_name(f"{path.name}~"))
    path.write_text(text, encoding="utf-8")


def _emptied(path: Path, text: str) -> None:
    path.write_text("", encoding="utf-8")
    time.sleep(0.02)
    path.write_text(text, encoding="utf-8")


def _same_time_and_size(path: Path, text: str) -> None:
    """On a drive that keeps times of two seconds: nothing but the text tells the saves apart."""
    before = path.stat()
    path.write_text(text[: before.st_size].ljust(before.st_size), encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _folder_made_again(path: Path, text: str) -> None:
    shutil.rmtree(path.parent)
    time.sleep(0.3)
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")


def _link_to_another(path: Path, text: str) -> None:
    other = path.parent.parent / "another.py"
    other.write_text(text, encoding="utf-8")
    path.unlink()
    path.symlink_to(other)


SAVES = [
    Path.write_text, _replaced, _moved_away, _emptied, _same_time_and_size, _folder_made_again, _link_to_another,
]  # fmt: skip


def _told_of(events: SimpleQueue[Event], name: str) -> Saved:
    while True:
        event = events.get(timeout=20)
        if isinstance(event, Saved) and name in event.names:
            return event


@pytest.mark.parametrize("save", SAVES, ids=lambda save: save.__name__)
@pytest.mark.parametrize("only", [False, True], ids=["a folder", "a file"])
def test_every_way_to_save_is_heard_of(save: Callable[[Path, str], object], only: bool, tmp_path: Path) -> None:
    file = tmp_path / "answers" / "ex1_chain.py"
    file.parent.mkdir()
    file.write_text("x = 1\n", encoding="utf-8")
    events: SimpleQueue[Event] = SimpleQueue()
    with Files(file.parent, file if only else None, events):
        for text in ("x = 2\n", "x = 3\n"):
            save(file, text)
            while file.name not in _told_of(events, file.name).names or not file.is_file():
                pass
            time.sleep(0.3)
            while not events.empty():  # a folder that was away for a while is two events
                events.get()


def test_the_file_behind_a_link_is_watched(tmp_path: Path) -> None:
    (tmp_path / "cloud").mkdir()
    (tmp_path / "answers").mkdir()
    real, link = tmp_path / "cloud" / "mine.py", tmp_path / "answers" / "ex1_chain.py"
    real.write_text("x = 1\n", encoding="utf-8")
    link.symlink_to(real)
    events: SimpleQueue[Event] = SimpleQueue()
    with Files(link.parent, None, events):
        real.write_text("x = 22\n", encoding="utf-8")
        assert _told_of(events, link.name) == Saved(frozenset({link.name}))
        _replaced(real, "x = 333\n")
        assert _told_of(events, link.name) == Saved(frozenset({link.name}))


def test_what_is_no_answer_is_not_heard_of_and_a_save_is_one_event(tmp_path: Path) -> None:
    (tmp_path / "ex1_chain.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / ".#ex1_chain.py").symlink_to("nobody@nowhere:1")  # as Emacs locks a file
    os.mkfifo(tmp_path / "pipe.py")
    events: SimpleQueue[Event] = SimpleQueue()
    with Files(tmp_path, None, events):
        (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
        (tmp_path / "ex1_chain.py~").write_text("x", encoding="utf-8")
        (tmp_path / "progress.json").write_text("{}", encoding="utf-8")
        (tmp_path / "ex1_chain.py").write_text("x = 22\n", encoding="utf-8")
        assert events.get(timeout=20) == Saved(frozenset({"ex1_chain.py"}))
        time.sleep(0.3)
        assert events.empty()


def test_a_file_that_lies_deeper_is_watched_where_it_counts(tmp_path: Path) -> None:
    deep = tmp_path / "src" / "ex1_chain.py"
    deep.parent.mkdir()
    deep.write_text("x = 1\n", encoding="utf-8")
    events: SimpleQueue[Event] = SimpleQueue()
    with Files(tmp_path, None, events, lambda: [deep]):
        deep.write_text("x = 22\n", encoding="utf-8")
        assert events.get(timeout=20) == Saved(frozenset({"ex1_chain.py"}))


def test_a_file_that_only_grows_old_is_no_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ex1_chain.py"
    file.write_text("x = 1\n", encoding="utf-8")
    monkeypatch.setattr("grader.watch.files._COARSE", 0.3)
    events: SimpleQueue[Event] = SimpleQueue()
    with Files(tmp_path, None, events):
        time.sleep(0.8)
        assert events.empty()


def test_an_answer_that_is_a_link_counts_in_ones_own_folder_and_in_no_class(answers: Path, lesson: Lesson) -> None:
    real = answers.parent / "elsewhere.py"
    (answers / "ex2_cross_entropy.py").rename(real)
    (answers / "ex2_cross_entropy.py").symlink_to(real)
    assert "ex2_cross_entropy" in submission_at(answers, lesson, links=True).files
    assert "ex2_cross_entropy" not in submission_at(answers, lesson).files
    with find_submissions([answers], lesson) as found:
        assert "ex2_cross_entropy" not in found.submissions[0].files


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
