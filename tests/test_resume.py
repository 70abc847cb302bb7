"""A class run that is killed, starved or disturbed: nothing is lost, nothing is done twice, the rest goes on."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from grader.errors import KitError
from grader.judge.job import Request
from grader.lesson import Lesson
from grader.results.archive import Archive, Published
from grader.results.basis import Basis
from grader.results.changes import changes_of, changes_table
from grader.results.model import ExerciseResult, StepResult, SubmissionResult
from grader.results.store import RunFolder
from grader.results.summary import Summary, summary_from_json, summary_of
from grader.run.classrun import ClassRun
from grader.run.pool import Pool
from grader.run.standing import Fault, Graded
from grader.run.stopping import Stopping
from grader.submission.find import find_submissions
from tests.support import ROOT, THOROUGH, run_grader

KILLS = 20 if THOROUGH else 8
STUDENTS = 14
DPROBS = "def dprobs(dlogprobs, probs):\n    return dlogprobs / probs\n"


@pytest.fixture
def students(tmp_path: Path) -> Path:
    root = tmp_path / "class"
    root.mkdir()
    for number in range(STUDENTS):
        answer = DPROBS if number % 3 else DPROBS.replace("/", "*")
        (root / f"s{number:02}.py").write_text(f"# {number}\n{answer}", encoding="utf-8")
    return root


def started(*arguments: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "grader", *map(str, arguments)],
        cwd=ROOT, env={**os.environ, "NO_COLOR": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def what_is_there(out: Path) -> dict[str, bytes]:
    """All that a run writes for people."""
    return {
        str(file.relative_to(out)): file.read_bytes()
        for file in out.rglob("*")
        if file.is_file() and ".grader" not in file.parts
    }


def stored(out: Path) -> int:
    """How many results a killed run has left in the store, which is whole."""
    file = out / ".grader" / "results.sqlite"
    if not file.exists():
        return 0
    database = sqlite3.connect(file)
    try:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'published'").fetchone()[0]
        return int(database.execute("SELECT count(*) FROM published").fetchone()[0]) if tables else 0
    finally:
        database.close()


@pytest.mark.timeout(900)
def test_a_run_killed_at_random_moments_ends_like_one_that_was_not(students: Path, tmp_path: Path) -> None:
    options = ("--seed", "7", "--no-mends", "--jobs", "2")
    before = time.monotonic()
    whole = run_grader("grade", students, "--out", tmp_path / "whole", *options, timeout=300, fresh=True)
    assert whole.returncode == 0
    seconds = time.monotonic() - before
    out, done = tmp_path / "killed", 0
    for kill in range(KILLS):
        process = started("grade", students, "--out", out, *options)
        # moments all over a run; where that does not come to the first result, a later one now and then
        time.sleep(random.uniform(0, seconds * (1 + kill / KILLS)) if done < STUDENTS - 1 else random.uniform(0, 1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        now = stored(out)
        assert now >= done, "a result was lost"
        done = now
        for file in out.glob("submissions/*/results.json"):
            json.loads(file.read_text(encoding="utf-8"))
    last = run_grader("grade", students, "--out", out, *options, timeout=300)
    assert last.returncode == 0
    assert done == 0 or f"{done} of them unchanged since the last run" in last.stdout
    assert what_is_there(out) == what_is_there(tmp_path / "whole")
    assert stored(out) == STUDENTS


# The store


def basis(**other: str) -> Basis:
    parts = dict.fromkeys(("submission", "lesson", "kit", "torch", "seed", "isolation", "mends"), "0")
    return Basis(**{**parts, **other})


def result(name: str = "ann", verdict: str = "right") -> SubmissionResult:
    step = StepResult("dprobs", verdict, float(verdict == "right"), 1.0)
    return SubmissionResult(
        "0.1.0", "mlp", name, 7, ("process",), (ExerciseResult("ex1_chain", (step,)),), None, ("x",)
    )


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = Archive(tmp_path / "own" / "results.sqlite")
    yield opened
    opened.close()


def published(name: str = "ann", verdict: str = "right", **other: str) -> Published:
    return Published(basis(**other), summary_of(result(name, verdict)), ("1", "2"))


def test_what_was_published_comes_back_in_the_next_run(tmp_path: Path, archive: Archive) -> None:
    archive.publish("ann\udcff", published())
    archive.close()
    again = Archive(tmp_path / "own" / "results.sqlite")
    assert again.published() == {"ann\udcff": published()}
    again.settle()
    assert again.published()["ann\udcff"].is_settled
    again.forget("ann\udcff")
    assert again.published() == {}
    again.close()


def test_a_summary_survives_the_store() -> None:
    assert summary_from_json(json.loads(json.dumps(summary_of(result()).as_json()))) == summary_of(result())


@pytest.mark.parametrize(
    "content", [b"", b"no database", b"SQLite format 3\x00" + bytes(200)], ids=["empty", "junk", "torn"]
)
def test_a_store_that_is_none_is_made_anew(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "results.sqlite"
    file.write_bytes(content)
    opened = Archive(file)
    opened.publish("ann", published())
    assert opened.published() == {"ann": published()}
    opened.close()


def test_a_second_run_in_the_same_folder_is_told_to_wait(tmp_path: Path, archive: Archive) -> None:
    archive.publish("ann", published())
    with pytest.raises(KitError, match="another run is at work here"):
        Archive(tmp_path / "own" / "results.sqlite")


def test_a_full_disk_is_an_error_that_says_so_and_what_was_there_stays(archive: Archive) -> None:
    archive.publish("ann", published())
    archive._database.execute("PRAGMA max_page_count = 1")  # as full as a disk can be
    noise = random.randbytes(1 << 16).hex()
    with pytest.raises(KitError, match=r"cannot be written: .*full"):
        archive.publish(noise, published(noise))
    assert archive.published() == {"ann": published()}


def test_what_moved_is_told_once_with_its_reason(archive: Archive) -> None:
    for name in ("ann", "bob"):
        archive.publish(name, published(name))
    assert changes_of(archive.settle()) == []
    archive.publish("ann", published("ann", "shape", lesson="1"))  # a run that was killed
    archive.publish("ann", published("ann", "wrong", lesson="1", seed="2"))
    archive.publish("bob", published("bob", "exact"))  # right and exact are one
    (change,) = changes_of(archive.settle()[:1])
    assert (change.before, change.after) == (1.0, 0.0)
    assert change.steps == (("ex1_chain.dprobs", "right", "wrong"),)
    assert change.why == ("the lesson changed", "another seed")
    assert changes_table([change]).splitlines()[1] == (
        "ann,1,0,ex1_chain.dprobs,right,wrong,the lesson changed; another seed"
    )
    assert archive.settle() == []


def test_summaries_of_a_class_share_what_is_the_same() -> None:
    one, other = summary_of(result("ann")), summary_from_json(summary_of(result("bob")).as_json())
    assert one.steps[0] is other.steps[0]
    assert summary_of(result("eve", "wrong")).steps[0].verdict == "wrong"


# Disturbances


class _NoPool:
    """Judges nothing: it gives what it is told to, after `happens`."""

    isolation = SimpleNamespace(layers=("process",))

    def __init__(self, happens: Any = None) -> None:
        self._happens = happens

    def grade(self, requests: Sequence[Request]) -> Iterator[tuple[int, Graded | Fault]]:
        if self._happens:
            self._happens()
        for place, request in enumerate(requests):
            yield place, Graded(result(request.submission.name), "<p>its page</p>")


def class_run(
    students: Path, out: Path, lesson: Lesson, pool: _NoPool, again: bool = False, goes_on: bool = False
) -> ClassRun:
    found = find_submissions([students], lesson).submissions
    return ClassRun(lesson, found, RunFolder(out, lesson), cast(Pool, pool), 7, again=again, goes_on=goes_on)


def outcomes(run: ClassRun) -> dict[str, Summary | Fault]:
    plan = run.plan()
    came = dict(run.judge(plan))
    run.folder.close()
    assert came.items() <= plan.settled.items()
    return {run.submissions[place].name: outcome for place, outcome in plan.settled.items()}


def test_the_kit_is_read_once_a_run_and_each_file_of_a_submission_no_more_than_twice(
    students: Path, tmp_path: Path, lesson: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: Counter[object] = Counter()
    really: Any = io.open

    def counted(file: object, *arguments: Any, **options: Any) -> Any:
        opened[file] += 1  # a number for what is open already
        return really(file, *arguments, **options)

    monkeypatch.setattr(io, "open", counted)  # what pathlib opens with
    outcomes(class_run(students, tmp_path / "out", lesson, _NoPool()))
    monkeypatch.undo()
    kit = [opened[file] for file in (ROOT / "grader").rglob("*.py")]
    theirs = [opened[file] for file in students.iterdir()]
    assert kit == [1] * len(kit)
    assert theirs == [2] * STUDENTS  # before it is judged, and after it


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_file_that_vanishes_costs_its_own_submission_alone(
    when: str, students: Path, tmp_path: Path, lesson: Lesson
) -> None:
    victim = students / "s03.py"
    run = class_run(students, tmp_path / "out", lesson, _NoPool(victim.unlink if when == "while" else None))
    if when == "before":
        victim.unlink()
    found = outcomes(run)
    assert isinstance(found["s03"], Fault)
    assert "s03.py" in found["s03"].reason
    assert sum(isinstance(outcome, Summary) for outcome in found.values()) == STUDENTS - 1


def test_a_result_that_cannot_be_written_is_reported_and_the_rest_goes_on(
    students: Path, tmp_path: Path, lesson: Lesson
) -> None:
    (tmp_path / "out" / "submissions").mkdir(parents=True)
    (tmp_path / "out" / "submissions" / "s05").write_text("in the way", encoding="utf-8")
    found = outcomes(class_run(students, tmp_path / "out", lesson, _NoPool()))
    assert isinstance(found["s05"], Fault)
    assert "cannot be written" in found["s05"].reason
    assert sum(isinstance(outcome, Summary) for outcome in found.values()) == STUDENTS - 1


def test_what_changed_while_it_was_graded_is_graded_again_the_next_time(
    students: Path, tmp_path: Path, lesson: Lesson
) -> None:
    victim = students / "s03.py"
    outcomes(class_run(students, tmp_path / "out", lesson, _NoPool(lambda: victim.write_text(DPROBS + "# later\n"))))
    again = class_run(students, tmp_path / "out", lesson, _NoPool())
    assert [again.submissions[place].name for place in again.plan().todo] == ["s03"]
    again.folder.close()


@pytest.mark.parametrize("file", ["submissions/s01/feedback.html", "submissions/s01/results.json", "feedback/s01.html"])
@pytest.mark.parametrize("change", ["lost", "cut", "edited"])
def test_a_file_that_was_lost_cut_or_edited_by_hand_is_made_again(
    file: str, change: str, students: Path, tmp_path: Path, lesson: Lesson
) -> None:
    outcomes(class_run(students, tmp_path / "out", lesson, _NoPool()))
    whole = what_is_there(tmp_path / "out")
    target = tmp_path / "out" / file
    if change == "lost":
        target.unlink()
    else:
        target.write_bytes(b"" if change == "cut" else target.read_bytes()[:-1] + b" ")
    again = class_run(students, tmp_path / "out", lesson, _NoPool())
    assert sorted(outcomes(again)) == [f"s{number:02}" for number in range(STUDENTS)]
    assert what_is_there(tmp_path / "out") == whole


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_stop_waits_for_the_end_of_the_result_that_is_written(number: signal.Signals) -> None:
    done = []

    def write() -> None:
        with stopping.held():
            os.kill(os.getpid(), number)
            done.append("written")

    def wait() -> None:
        os.kill(os.getpid(), number)
        time.sleep(5)
        done.append("waited")

    for act in (write, wait):
        with Stopping() as stopping, pytest.raises(KeyboardInterrupt):
            act()
    assert done == ["written"]


def test_regrade_takes_nothing_over(students: Path, tmp_path: Path, lesson: Lesson) -> None:
    outcomes(class_run(students, tmp_path / "out", lesson, _NoPool()))
    again = class_run(students, tmp_path / "out", lesson, _NoPool(), again=True)
    assert len(again.plan().todo) == STUDENTS
    again.folder.close()


def test_a_regrade_that_was_stopped_goes_on_where_it_was(students: Path, tmp_path: Path, lesson: Lesson) -> None:
    first = class_run(students, tmp_path / "out", lesson, _NoPool())
    dict(first.judge(first.plan()))
    first.folder.archive.settle()
    first.folder.close()
    stopped = class_run(students, tmp_path / "out", lesson, _NoPool(), again=True)
    judging = stopped.judge(stopped.plan())
    for _ in range(5):
        next(judging)
    stopped.folder.close()
    goes_on = class_run(students, tmp_path / "out", lesson, _NoPool(), again=True, goes_on=True)
    plan = goes_on.plan()
    assert (len(plan.settled), len(plan.todo)) == (5, STUDENTS - 5)
    goes_on.folder.close()
    anew = class_run(students, tmp_path / "out", lesson, _NoPool(), again=True)
    assert len(anew.plan().todo) == STUDENTS
    anew.folder.close()
