"""`grader doctor`: what it finds is what grading would meet, on any machine and for any lesson."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from grader.cli import main
from grader.commands import doctor
from grader.judge.trial import try_limits
from grader.lesson import Lesson, load, load_lesson
from grader.warm.client import Warm
from tests.support import ROOT

TINY = ROOT / "tests" / "lessons"


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kit whose only lesson is another one than usual, with its solutions."""
    shutil.copytree(TINY, tmp_path / "kit")
    (tmp_path / "kit" / "data").mkdir()
    (tmp_path / "kit" / "data" / "names.txt").touch()
    for module in (load, doctor):  # both were imported before: what comes back afterwards is the real one
        monkeypatch.setattr(module, "ROOT", tmp_path / "kit")
    return tmp_path / "kit"


def limited(kit: Path, key: str, value: object) -> None:
    """The lesson with another limit."""
    file = kit / "exercises" / "tiny" / "lesson.toml"
    text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if not count:
        text = text.replace("[limits]", f"[limits]\n{key} = {value}", 1)
    file.write_text(text, encoding="utf-8")


@pytest.mark.usefixtures("kit")
def test_its_trial_is_the_solutions_with_training(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    text = told(capsys)
    assert re.search(r"ok trial tiny: all \d+ steps of its solutions pass, training included", text)
    assert re.search(r"ok limits tiny: 1900 MiB on top of (the \d+ MiB that torch maps|what torch maps)", text)
    assert f"ok torch {torch.__version__}" in text
    assert version("torch").split("+")[0] in text
    assert "mlp" not in text.replace(str(ROOT), "")


def test_without_solutions_it_still_computes_at_the_lectures_sizes(
    kit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(kit / "solutions")
    assert main(["doctor"]) == 0
    assert "ok trial tiny: a submission was graded from end to end" in told(capsys)
    limited(kit, "rows", 20_000)
    limited(kit, "memory_mib", 16)
    assert main(["doctor"]) == 3
    text = told(capsys)
    assert "NO limits tiny: the memory limit of 16 MiB is too small: at the lecture's sizes " in text
    assert re.search(r"mend: memory_mib = \d+ under \[limits\] in \S+lesson.toml", text)


@pytest.mark.parametrize("key", ["call_seconds", "step_seconds", "training_seconds", "submission_seconds"])
def test_a_limit_that_is_too_small_is_named_with_what_to_set(
    key: str, kit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limited(kit, key, 0.0001)
    assert main(["doctor"]) == 3
    text = told(capsys)
    if key == "step_seconds":
        assert "NO trial" in text
        return
    assert f"NO limits tiny: the limit {key} = 0.0001 is too small" in text
    assert re.search(rf"mend: {key} = \d+ under \[limits\] in \S+lesson.toml", text)


def test_a_kit_without_lessons_is_told_so(kit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(kit / "exercises")
    assert main(["doctor"]) == 3
    assert "NO lesson" in told(capsys)


def test_solutions_that_do_not_pass_are_no_good_trial(kit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = kit / "solutions" / "tiny" / "ex_walk.py"
    file.write_text(file.read_text(encoding="utf-8").replace("2 * delta * dsquare", "3 * delta * dsquare"), "utf-8")
    assert main(["doctor"]) == 3
    assert re.search(r"NO trial tiny: of its solutions \d+ of \d+ steps pass, but ddelta is wrong: ", told(capsys))


@pytest.mark.parametrize("mib", [8, 20])
def test_memory_that_is_enough_is_found_by_trying(mib: int, lesson: Lesson, warm: Warm) -> None:
    large = replace(lesson, sizes={**lesson.sizes, "n": 600}, training=None)
    room = try_limits(replace(large, limits=replace(lesson.limits, memory_mib=mib)), warm)
    assert room.key == "memory_mib"
    assert room.enough is not None
    assert room.enough > mib
    assert not try_limits(replace(large, limits=replace(lesson.limits, memory_mib=room.enough)), warm).problem


def test_every_lesson_here_has_room(warm: Warm) -> None:
    for folder in (ROOT / "exercises" / "mlp", TINY / "exercises" / "tiny"):
        room = try_limits(load_lesson(folder), warm)
        assert not room.problem
        assert room.mapped_mib is None or room.mapped_mib > 100
