"""Submissions that attack the grader, and honest ones that look alike, through the very command that grades.

tests/hostile holds them as data. First all of them are one class; then each attack is tried again with the
language switched off, so that the seal is seen to hold by itself; then with single layers left out.
"""

from __future__ import annotations

import ast
import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from grader.judge.budget import Budget
from grader.judge.job import Request
from grader.judge.student import Student
from grader.judge.submission import Judge
from grader.lesson import Lesson, Limits, load_lesson
from grader.seal.layers import BUBBLEWRAP, FULL, LANDLOCK, RLIMITS, SECCOMP, USER
from grader.submission.answers import Answer as Written
from grader.submission.find import submission_at
from grader.warm import client
from grader.warm.client import Warm
from grader.wire import frames
from grader.wire.messages import Answer, Call, Failed, Loaded
from tests.hostile.suite import (
    CONTROL_STEP,
    GOT_IN,
    ROWS,
    Entry,
    entries,
    make_canary,
    quick_lesson,
    snapshot,
    write,
)
from tests.support import ROOT, THOROUGH, step_of
from tests.test_seal import needs
from tests.test_worker import processes

SOLUTIONS = ROOT / "solutions" / "mlp"
ALL = entries()
ATTACKS = [entry for entry in ALL if entry.is_attack]
LEFT = [Path(tempfile.gettempdir()) / "hostile-left.txt", Path("/dev/shm/hostile-left")]  # for the next student
AUTOGRAD = "autograd"  # no layer of the seal, but left out like one here
_PR_SET_CHILD_SUBREAPER = 36
_PATIENCE = 5.0  # seconds for one attack, on a busy machine
_AUTOGRAD_ON = "import grader.runner.autograd as _a\n_a.switch_off = lambda: None\nmain("


@dataclass(frozen=True)
class Places:
    """Where attacks may look, with what they are told of it."""

    base: Path
    listener: socket.socket
    in_files: socket.socket

    @property
    def canary(self) -> Path:
        return self.base / "canary"

    @property
    def home(self) -> Path:
        return self.base / "home"

    @property
    def told(self) -> dict[str, str]:
        return {
            "CANARY": str(self.canary),
            "HOME": str(self.home),
            "OUT": str(self.base / "out"),
            "LESSON": str(self.base / "lesson"),
            "PORT": str(self.listener.getsockname()[1]),
            "SOCKET": str(self.base / "socket"),
        }

    def was_called(self) -> bool:
        """Whether anybody connected to one of the listeners."""
        for link in (self.listener, self.in_files):
            link.settimeout(0)
            try:
                link.accept()[0].close()
            except BlockingIOError:
                continue
            return True
        return False


@pytest.fixture
def places() -> Iterator[Places]:
    """A world that anybody on this machine may change: only the seal stands before it."""
    base = Path(tempfile.mkdtemp(prefix="canary-"))
    base.chmod(0o777)
    for file in LEFT:
        file.unlink(missing_ok=True)
    (base / "home").mkdir()
    (base / "home" / ".bashrc").write_text("# mine\n", encoding="utf-8")
    for path in (base / "home", base / "home" / ".bashrc"):
        path.chmod(0o777)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_UNIX) as in_files:
        in_files.bind(str(base / "socket"))
        in_files.listen()
        (base / "socket").chmod(0o777)
        places = Places(base, listener, in_files)
        make_canary(places.canary)
        yield places
    shutil.rmtree(base)


# The class


def grade(places: Places, submissions: Path, out: str, timeout: float = 900) -> dict[str, bytes]:
    """What `grade` writes about each submission, by its name."""
    command = [sys.executable, "-m", "grader", "grade", str(submissions), "--lesson", str(places.base / "lesson")]
    command += ["--out", str(places.base / out), "--seed", "7", "--jobs", "2"]
    environment = {**os.environ, "HOME": str(places.home), "HOSTILE_SECRET": "x", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    texts = [file.read_bytes() for file in (places.base / out / "submissions").glob("*/results.json")]
    return {json.loads(text)["submission"]: text for text in texts}


def step_in(result: dict[str, Any], name: str) -> dict[str, Any]:
    found = [step for exercise in result["exercises"] for step in exercise["steps"] if step["step"] == name]
    step: dict[str, Any] = found[0]
    return step


def outputs_in(result: dict[str, Any]) -> list[str]:
    return [step["output"] for exercise in result["exercises"] for step in exercise["steps"]]


def passes(step: dict[str, Any]) -> bool:
    return step["verdict"] in ("right", "exact")


@pytest.fixture
def orphans() -> Iterator[set[int]]:
    """Processes that this one inherits while a test runs, because those who started them are gone."""
    before = {pid for pid, process in processes().items() if process.parent == os.getpid()}
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    inherited: set[int] = set()
    yield inherited
    inherited |= {pid for pid, process in processes().items() if process.parent == os.getpid()} - before
    for pid in inherited:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    assert not inherited, "a submission left a process behind"


@pytest.mark.usefixtures("orphans")
def test_a_class_of_attacks_and_twins_gets_its_verdicts_and_harms_nobody(places: Places) -> None:
    quick_lesson(SOLUTIONS, places.base / "lesson", step_seconds=2)
    for entry in ALL:
        write(entry, places.base / "class" / entry.name, places.told)
        if not entry.is_attack:
            write(entry, places.base / "honest" / entry.name, places.told)
    before = snapshot(places.canary), snapshot(places.home)
    texts = grade(places, places.base / "class", "out")
    assert (snapshot(places.canary), snapshot(places.home)) == before
    assert not places.was_called()
    assert b"hostile" not in Path("/proc/net/unix").read_bytes()
    assert not [file for file in LEFT if file.exists()]
    assert texts.keys() == {entry.name for entry in ALL}
    written = {path.name for path in (places.base / "out").iterdir() if not path.name.startswith(".")}
    assert written == {"feedback", "grades.csv", "index.html", "submissions", "taken.txt"}

    results = {name: json.loads(text) for name, text in texts.items()}
    wrong = {
        entry.name: (step["verdict"], step["message"])
        for entry in ALL
        if (step := step_in(results[entry.name], entry.step))["verdict"].replace("exact", "right") not in entry.verdicts
    }
    assert not wrong, json.dumps(wrong, indent=1)
    assert not [
        name for name, text in texts.items() if GOT_IN in json.loads(text)["exercises"][0]["steps"][1]["output"]
    ]
    controls = {entry.name: step_in(results[entry.name], CONTROL_STEP) for entry in ALL if entry.has_code}
    assert not {name: step["verdict"] for name, step in controls.items() if not passes(step)}

    alone = grade(places, places.base / "honest", "out of the honest alone")
    assert [name for name, text in alone.items() if texts[name] != text] == []


def test_there_are_attacks_and_twins_in_every_row() -> None:
    twins = [entry for entry in ALL if not entry.is_attack]
    assert len(ATTACKS) >= 300
    assert len(twins) >= 40
    assert {entry.row for entry in twins} >= set(ROWS) - {"results"}
    assert len({entry.name for entry in ALL}) == len(ALL)


# The seal alone


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    """The lesson with short limits and its first two cases."""
    folder = quick_lesson(SOLUTIONS, tmp_path_factory.mktemp("quick") / "mlp", step_seconds=0.7)
    text = (folder / "lesson.toml").read_text(encoding="utf-8")
    first, second, third, *_, last = text.split("[[cases]]")
    rest = last[last.index("[limits]") :]
    (folder / "lesson.toml").write_text("[[cases]]".join([first, second, third]) + rest, encoding="utf-8")
    return load_lesson(folder)


_OF_A_ROW = 6  # attacks that `make test` tries without the language


@pytest.mark.parametrize("row", ROWS)
def test_what_the_language_refuses_the_seal_stops_too(row: str, places: Places, quick: Lesson, unguarded: Warm) -> None:
    needs(unguarded, *FULL)
    judge = Judge(quick, 0, unguarded)
    wrong: dict[str, str] = {}
    before = snapshot(places.canary), snapshot(places.home)
    attacks = [(number, entry) for number, entry in enumerate(ATTACKS) if entry.row == row and entry.has_code]
    for number, entry in attacks if THOROUGH else attacks[:: max(1, len(attacks) // _OF_A_ROW)]:
        folder = places.base / "submissions" / str(number)
        write(entry, folder, places.told)
        path = f"ex1_chain.{entry.step}"
        step = step_of(judge.judge(Request(submission_at(folder, quick), frozenset({path}))), path)
        if step.verdict.replace("exact", "right") not in entry.verdicts_unread or GOT_IN in step.output:
            wrong[entry.name] = f"{step.verdict}: {step.message} {step.output[:100]}"
        assert (snapshot(places.canary), snapshot(places.home)) == before, entry.name
        assert not places.was_called(), entry.name
    assert not wrong


# Single layers


def gets_in(entry: Entry, places: Places, warm: Warm) -> bool:
    """Whether an attack reaches its aim: its program runs, and its step is called once, as plain Python."""
    folder = places.base / "submissions" / str(ALL.index(entry))
    if not folder.exists():
        write(entry, folder, places.told)
    source = (folder / "ex1_chain.py").read_text(encoding="utf-8")
    parameters = next(
        [argument.arg for argument in node.args.args]
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == entry.step
    )
    own = {file.stem: file.read_text(encoding="utf-8") for file in folder.glob("*.py") if file.stem != "ex1_chain"}
    answer = Written("ex1_chain", entry.step, "ready", file="ex1_chain.py", line=1, source=source, own_files=own)
    inputs = {name: torch.rand(5, 3, dtype=torch.float64) + 0.1 for name in parameters}
    call = frames.write(Call(f"ex1_chain.{entry.step}", "float64", {}, inputs))
    with Student(warm, Limits(memory_mib=1536)) as student:
        budget = Budget(_PATIENCE, _PATIENCE, time.monotonic() + _PATIENCE)
        ready = student.load(answer, budget)
        reply = student.call(answer, call, budget) if isinstance(ready, Loaded) else ready
    return isinstance(reply, Answer | Failed) and GOT_IN in reply.output


@pytest.fixture
def autograd_on(language_off: None, monkeypatch: pytest.MonkeyPatch) -> None:
    del language_off
    monkeypatch.setattr(client, "_START", client._START.replace("main(", _AUTOGRAD_ON, 1))


AIMING = [entry for entry in ATTACKS if entry.aims and entry.bare and not entry.wild]


@pytest.mark.usefixtures("language_off")
@pytest.mark.parametrize("layer", [RLIMITS, USER, LANDLOCK, SECCOMP, AUTOGRAD])
def test_with_one_layer_left_out_the_others_stop_all_but_the_known_attacks(
    layer: str, places: Places, warm: Warm, request: pytest.FixtureRequest
) -> None:
    needs(warm, *FULL)
    if layer == AUTOGRAD:
        request.getfixturevalue("autograd_on")
    with Warm([layer, BUBBLEWRAP]) as other:
        got = {entry.name for entry in AIMING if gets_in(entry, places, other)}
    assert got == {entry.name for entry in AIMING if layer in entry.alone}


@pytest.mark.usefixtures("autograd_on")
def test_with_no_layer_at_all_the_attacks_reach_their_aims(places: Places) -> None:
    """They are real: what stops them above is the seal, and no mistake of theirs."""
    missed = []
    quick_lesson(SOLUTIONS, places.base / "lesson", step_seconds=1)
    with Warm([RLIMITS, USER, LANDLOCK, SECCOMP, BUBBLEWRAP]) as bare:
        for entry in AIMING:
            make_canary(places.canary)
            if not gets_in(entry, places, bare):
                missed.append(entry.name)
    if os.geteuid() != 0:  # who is not root may not do that anyway
        missed = [name for name in missed if name != "may signal the first process"]
    assert missed == []
    assert len(AIMING) >= 60


# A large class


@pytest.mark.skipif(not THOROUGH, reason="takes minutes: THOROUGH=1 python -m pytest tests/test_hostile.py")
def test_sixty_hostile_among_two_hundred_leave_the_other_results_as_they_are(places: Places) -> None:
    quick_lesson(SOLUTIONS, places.base / "lesson", step_seconds=2)
    samples = [
        folder
        for folder in sorted((ROOT / "data" / "class").glob("s*"))
        if "timeout" not in (folder / "expected.toml").read_text(encoding="utf-8")  # the clock may decide otherwise
    ]
    for number in range(140):
        for kind in ("class", "honest"):
            shutil.copytree(samples[number % len(samples)], places.base / kind / f"student {number:03}")
    for entry in ATTACKS[:: len(ATTACKS) // 60][:60]:
        write(entry, places.base / "class" / entry.name, places.told)
    together = grade(places, places.base / "class", "out")
    alone = grade(places, places.base / "honest", "out of the honest alone")
    assert len(together) == 200
    assert [name for name, text in alone.items() if together[name] != text] == []
