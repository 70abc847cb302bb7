"""The files of a class run are true at any moment: they show who is there, and what each one's results.json says."""

from __future__ import annotations

import csv
import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from grader.cli import main
from grader.commands import grade
from grader.errors import STOPPED
from grader.export.read import read_results
from grader.judge.job import Request
from grader.judge.stages import empty_result
from grader.lesson import Lesson
from grader.report.pages import feedback_page
from grader.results.model import ExerciseResult, Instructor, StepResult, SubmissionResult
from grader.run.standing import Fault, Graded

STUDENTS = ("ann", "bob", "carl", "dora")


class FakeJudges:
    """Judges by the file's first word: `# right`, `# wrong`. `after` is called before each result but the first."""

    isolation = SimpleNamespace(layers=("process",), lacks=(), missing={})

    def __init__(self, lesson: Lesson, seed: int) -> None:
        self.lesson = lesson
        self.seed = seed
        self.after: Callable[[int], None] = lambda _count: None
        self.judged: list[str] = []

    def grade(self, requests: Sequence[Request]) -> Iterator[tuple[int, Graded | Fault]]:
        for place, request in enumerate(requests):
            self.after(place)
            self.judged.append(request.submission.name)
            yield place, Graded(self._result(request), f"<p>page of {request.submission.name}</p>")

    def _result(self, request: Request) -> SubmissionResult:
        verdict = request.submission.all_files()[0].read_text(encoding="utf-8").split()[1]
        found = [
            ExerciseResult(
                exercise.name,
                tuple(StepResult(s.name, verdict, float(verdict == "right"), s.points) for s in exercise.steps),
            )
            for exercise in self.lesson.exercises
        ]
        bare = empty_result(self.lesson, request.submission.name, self.seed, ("process",))
        return SubmissionResult(bare.kit, bare.lesson, bare.submission, self.seed, ("process",), tuple(found), None, ())


class Room:
    """A folder of students, a folder for the run, and the command."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.students = folder / "class"
        self.out = folder / "grades"
        self.judges: FakeJudges | None = None
        self._after: Callable[[int], None] = lambda _count: None
        self.students.mkdir()
        for name in STUDENTS:
            self.hand_in(name)

        @contextmanager
        def judges(lesson: Lesson, seed: int, _jobs: int, _cluster: str | None) -> Iterator[FakeJudges]:
            self.judges = FakeJudges(lesson, seed)
            self.judges.after = self._after
            yield self.judges

        monkeypatch.setattr(grade, "judges", judges)

    def hand_in(self, name: str, verdict: str = "right") -> None:
        (self.students / name).mkdir(exist_ok=True)
        (self.students / name / "ex1_chain.py").write_text(f"# {verdict}\n", encoding="utf-8")

    def leave(self, name: str) -> None:
        (self.students / name / "ex1_chain.py").unlink()
        (self.students / name).rmdir()

    def grade(self, *arguments: str | Path, after: Callable[[int], None] = lambda _count: None) -> int:
        self._after = after
        paths = [one for one in arguments if isinstance(one, Path)] or [self.students]
        options = [one for one in arguments if isinstance(one, str)]
        return main(["grade", *map(str, paths), "--out", str(self.out), *options])

    @property
    def judged(self) -> list[str]:
        """Who was judged by the last run."""
        assert self.judges is not None
        return self.judges.judged

    def rows(self) -> dict[str, str]:
        """Name -> score, as grades.csv has them."""
        text = (self.out / "grades.csv").read_text(encoding="utf-8")
        return {row["submission"]: row["score"] for row in csv.DictReader(text.splitlines())}

    def results(self) -> dict[str, str]:
        """The same as the export reads them."""
        read = read_results(self.out)
        scores = {one.result.submission: f"{one.result.score:g}" for one in read.graded}
        return {**scores, **dict.fromkeys([*read.waiting, *(lost.submission for lost in read.lost)], "")}

    def page(self) -> str:
        return (self.out / "index.html").read_text(encoding="utf-8")

    def handed_out(self) -> set[str]:
        return {file.stem for file in (self.out / "feedback").iterdir()}

    def agrees(self) -> bool:
        """Every list of the folder names the same students, with the same scores."""
        rows = self.rows()
        graded = {name for name, score in rows.items() if score}
        assert {name: score for name, score in self.results().items() if score} == {n: rows[n] for n in graded}
        assert self.handed_out() == graded
        assert all(f"{name}</bdi>" in self.page() for name in graded)
        return True


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    return Room(tmp_path, monkeypatch)


def stop_at(count: int) -> Callable[[int], None]:
    def stop(done: int) -> None:
        if done == count:
            os.kill(os.getpid(), signal.SIGINT)

    return stop


def test_a_class_is_in_every_file_and_graded_once(room: Room) -> None:
    room.hand_in("bob", "wrong")
    assert room.grade() == 0
    assert room.rows() == {"ann": "44", "bob": "0", "carl": "44", "dora": "44"}
    assert room.agrees()
    assert room.grade() == 0
    assert room.judged == []


def test_who_is_gone_is_in_no_file_and_their_results_are_laid_aside(
    room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    room.grade()
    room.leave("bob")
    capsys.readouterr()
    assert room.grade() == 0
    assert list(room.rows()) == ["ann", "carl", "dora"]
    assert room.agrees()
    assert "no more in the class: bob" in capsys.readouterr().out
    assert (room.out / ".grader" / "gone" / "bob" / "results.json").is_file()
    room.hand_in("bob")
    room.grade()
    assert list(room.rows()) == list(STUDENTS)
    assert room.agrees()


@pytest.mark.parametrize("where", ["below the class", "elsewhere"])
def test_one_student_graded_into_the_folder_of_a_class_updates_that_row(
    where: str, room: Room, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    room.grade()
    room.hand_in("bob", "wrong")
    path = room.students / "bob"
    if where == "elsewhere":
        path = tmp_path / "late" / "bob"
        path.parent.mkdir()
        (room.students / "bob").rename(path)
    capsys.readouterr()
    assert room.grade(path) == 0
    assert room.rows() == {"ann": "44", "bob": "0", "carl": "44", "dora": "44"}
    assert room.judged == ["bob"]
    assert room.agrees()
    assert "3 show what an earlier run found" in capsys.readouterr().out
    assert "Not the whole class" in room.page()


def test_a_new_student_graded_alone_gets_a_row_beside_the_others(room: Room, tmp_path: Path) -> None:
    room.grade()
    (tmp_path / "eve").mkdir()
    (tmp_path / "eve" / "ex1_chain.py").write_text("# wrong\n", encoding="utf-8")
    room.grade(tmp_path / "eve")
    assert list(room.rows()) == [*STUDENTS, "eve"]
    assert room.agrees()


def test_a_run_that_is_stopped_says_so_in_every_file_and_goes_on(
    room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    assert room.grade(after=stop_at(2)) == STOPPED
    assert room.rows() == {"ann": "44", "bob": "44"}
    assert room.agrees()
    assert "2 of 4 are graded by the last run; 2 are not graded yet" in room.page()
    assert "stopped with 2 to go; the same command goes on from here" in capsys.readouterr().out
    assert room.grade() == 0
    assert room.judged == ["carl", "dora"]
    assert room.agrees()
    assert "Not the whole class" not in room.page()


def test_a_regrade_that_is_stopped_keeps_what_is_known_and_goes_on(room: Room) -> None:
    room.grade()
    assert room.grade("--regrade", after=stop_at(1)) == STOPPED
    assert room.rows() == dict.fromkeys(STUDENTS, "44")
    assert "1 of 4 are graded by the last run; 3 show what an earlier run found" in room.page()
    assert room.agrees()
    assert room.grade("--regrade") == 0
    assert room.judged == ["bob", "carl", "dora"]
    assert room.grade("--regrade") == 0
    assert room.judged == list(STUDENTS)


def test_files_are_true_while_a_run_is_at_work(room: Room) -> None:
    """What a run that is killed at any moment leaves behind."""
    room.grade()
    room.leave("carl")
    room.hand_in("ann", "wrong")
    room.hand_in("dora", "wrong")
    seen: list[dict[str, str]] = []

    def look(_done: int) -> None:
        seen.append(room.rows())
        assert room.agrees()

    room.grade(after=look)
    assert seen == [{"ann": "44", "bob": "44", "dora": "44"}, {"ann": "0", "bob": "44", "dora": "44"}]


def test_what_changed_is_told_by_the_run_that_found_it_and_no_later_one(room: Room) -> None:
    room.grade()
    room.hand_in("ann", "wrong")
    room.grade()
    changes = room.out / "changes.csv"
    assert "ann,44,0" in changes.read_text(encoding="utf-8")
    room.grade()
    assert not changes.exists()


def test_a_result_edited_by_hand_does_not_survive_the_next_run(room: Room) -> None:
    room.grade()
    file = room.out / "submissions" / "ann" / "results.json"
    raw = json.loads(file.read_text(encoding="utf-8"))
    raw["exercises"][0]["steps"][0]["credit"] = 0.0
    file.write_text(json.dumps(raw), encoding="utf-8")
    room.grade()
    assert room.judged == ["ann"]
    assert room.agrees()


def test_a_result_edited_by_hand_beside_an_update_is_named(room: Room, capsys: pytest.CaptureFixture[str]) -> None:
    room.grade()
    with (room.out / "submissions" / "ann" / "results.json").open("a", encoding="utf-8") as file:
        file.write("\n")
    room.grade(room.students / "bob")
    assert "changed by hand since they were written; grade them again: ann" in capsys.readouterr().out


def test_a_submission_that_becomes_ungradable_has_an_empty_row_and_no_old_page(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.grade()
    room.hand_in("bob", "wrong")
    fault = Fault("KeyError: x (steps.py:1)")
    monkeypatch.setattr(FakeJudges, "grade", lambda _self, _requests: iter([(0, fault)]))
    assert room.grade() == 3
    assert room.rows() == {"ann": "44", "bob": "", "carl": "44", "dora": "44"}
    assert room.handed_out() == {"ann", "carl", "dora"}
    assert "1 could not be graded" in room.page()


def test_what_is_handed_out_holds_neither_the_seed_nor_what_only_the_instructor_sees(lesson: Lesson) -> None:
    step = lesson.steps[0]
    secret = Instructor("line 3: the secret fix", "a secret suspicion")
    found = StepResult(step.name, "wrong", 0.0, step.points, "off", instructor=secret)
    bare = replace(empty_result(lesson, "ann", 987654321, ("process",)), kit_hash="hash")
    page = feedback_page(replace(bare, exercises=(ExerciseResult(step.exercise, (found,)),)), lesson, {})
    assert "off" in page
    assert "secret" not in page
    assert "987654321" not in page


def test_pages_alone_are_handed_out(room: Room) -> None:
    room.grade()
    assert {file.name for file in (room.out / "feedback").iterdir()} == {f"{name}.html" for name in STUDENTS}
