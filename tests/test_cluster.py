"""Judging on a Dask cluster: the same results, whatever happens to the workers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grader.errors import KitError
from grader.judge.job import Request
from grader.lesson import Lesson, load_lesson
from grader.lesson.shapes import shown_shapes
from grader.run.judges import judges
from grader.run.pool import Pool
from grader.run.standing import Fault, Graded
from grader.run.travel import MOST_BYTES, TooLarge, pack, packed_lesson, unpack, unpack_lesson
from grader.submission.find import Submission, find_submissions, submission_at
from tests.support import ROOT, run_grader

try:
    import distributed
except ImportError:
    distributed = None

needs_dask = pytest.mark.skipif(
    distributed is None and not os.environ.get("REQUIRE_ALL"), reason="needs Dask: pip install -e '.[cluster]'"
)
SEED = 5
EX2 = (ROOT / "solutions" / "mlp" / "ex2_cross_entropy.py").read_text(encoding="utf-8")
POISON = "poison"


class Machines:
    """A scheduler and workers on the loopback device, each in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "scheduler.json"
        self._running: list[subprocess.Popen[bytes]] = []
        self._start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0"
        )
        self.address = str(json.loads(self._wait_for(self._file))["address"])

    def worker(self, *options: str, kit: Path = ROOT) -> subprocess.Popen[bytes]:
        """A worker whose kit is the one in that folder. With --nanny it is started anew whenever it dies."""
        folder = ("--local-directory", str(self._folder / "workers"), "--memory-limit", "0")
        options = options or ("--no-nanny",)
        return self._start("dask_worker", self.address, "--nthreads", "1", *folder, *options, kit=kit)

    def log(self) -> str:
        return "".join(path.read_text(encoding="utf-8") for path in sorted(self._folder.glob("*.log")))

    def end(self) -> None:
        for process in reversed(self._running):
            process.terminate()
        for process in self._running:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, module: str, *arguments: str, kit: Path = ROOT, **variables: str) -> subprocess.Popen[bytes]:
        log = self._folder / f"{len(self._running)}.log"
        file = ("--scheduler-file", str(self._file)) if module == "dask_scheduler" else ()
        command = [sys.executable, "-m", f"distributed.cli.{module}", "--no-dashboard", *arguments, *file]
        with log.open("wb") as written:
            environment = {**os.environ, **variables}
            process = subprocess.Popen(command, stdout=written, stderr=written, env=environment, cwd=kit)
        self._running.append(process)
        return process

    def _wait_for(self, file: Path) -> str:
        give_up = time.monotonic() + 60
        while not file.exists() or not file.read_text(encoding="utf-8").endswith("}"):
            assert time.monotonic() < give_up, self.log()
            time.sleep(0.1)
        return file.read_text(encoding="utf-8")


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    found = Machines(tmp_path)
    yield found
    found.end()


def cluster(address: str, lesson: Lesson) -> Any:
    from grader.run.cluster import Cluster

    return Cluster(address, lesson, SEED)


def requests(folder: Path, lesson: Lesson, *names: str) -> list[Request]:
    """Small submissions, right and wrong ones in turn."""
    for place, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        text = EX2 if place % 2 else EX2.replace("/ n", "* 2")
        (folder / name / "ex2_cross_entropy.py").write_text(text, encoding="utf-8")
    found = find_submissions([folder], lesson).submissions
    return [Request(submission, mends=False) for submission in found]


def judged_here(lesson: Lesson, asked: list[Request]) -> dict[int, Graded | Fault]:
    with Pool(lesson, SEED, jobs=2) as pool:
        return dict(pool.grade(asked))


@needs_dask
def test_a_worker_killed_mid_run_loses_nothing_and_doubles_nothing(
    machines: Machines, lesson: Lesson, tmp_path: Path
) -> None:
    workers = [machines.worker(), machines.worker()]
    asked = requests(tmp_path / "class", lesson, *(f"s{number:02}" for number in range(24)))
    unreadable = Submission(
        "gone", tmp_path / "gone", {"ex2_cross_entropy": tmp_path / "gone" / "ex2_cross_entropy.py"}
    )
    asked.append(Request(unreadable, mends=False))
    places, outcomes = [], {}
    with cluster(machines.address, lesson) as found:
        while found.threads < 2:
            time.sleep(0.1)
        for place, outcome in found.grade(asked):
            places.append(place)
            outcomes[place] = outcome
            if len(places) == 3:
                workers[0].send_signal(signal.SIGKILL)
    assert sorted(places) == list(range(25))
    assert outcomes == judged_here(lesson, asked)
    assert len({outcome.result.score for outcome in outcomes.values()}) == 2


@needs_dask
def test_a_submission_that_ends_workers_costs_no_other_its_result(
    machines: Machines, lesson: Lesson, tmp_path: Path
) -> None:
    from distributed import WorkerPlugin

    class DiesOfPoison(WorkerPlugin):  # type: ignore[misc]  # distributed may be missing where types are checked
        """Stands for whatever takes a whole worker down: this one ends where the poison is unpacked."""

        def setup(self, worker: Any) -> None:  # noqa: ARG002  Dask's signature
            import grader.run.remote

            remote = vars(grader.run.remote)
            real = remote["unpack"]
            remote["unpack"] = lambda parcel, to: os._exit(1) if parcel.name == "poison" else real(parcel, to)

    machines.worker("--nanny")
    asked = requests(tmp_path / "class", lesson, "a", "b", POISON, "z")
    with cluster(machines.address, lesson) as found:
        found._connected.register_plugin(DiesOfPoison())
        found._handful = lambda _: 4
        outcomes = dict(found.grade(asked))
    here = judged_here(lesson, asked)
    assert {place for place, outcome in outcomes.items() if isinstance(outcome, Fault)} == {2}
    assert all(outcomes[place] == here[place] for place in (0, 1, 3))


@pytest.fixture
def other_kit(tmp_path: Path) -> Path:
    """A kit that differs from this one in a single line."""
    shutil.copytree(ROOT / "grader", tmp_path / "other" / "grader", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "other" / "grader" / "judge" / "compare.py").open("a", encoding="utf-8") as file:
        file.write("# more lenient\n")
    return tmp_path / "other"


@needs_dask
def test_a_worker_with_another_kit_is_refused_before_work_starts(
    machines: Machines, lesson: Lesson, other_kit: Path
) -> None:
    machines.worker(kit=other_kit)
    with pytest.raises(KitError, match=r"the worker tcp://\S+ would judge with something else: kit \w+, here \w+") as e:
        cluster(machines.address, lesson).__enter__()
    assert e.value.exit_code == 3


@needs_dask
def test_a_worker_with_another_kit_that_joins_later_gets_nothing_to_judge(
    machines: Machines, lesson: Lesson, other_kit: Path, tmp_path: Path
) -> None:
    machines.worker()
    asked = requests(tmp_path / "class", lesson, "a", "b", "c", "d")
    with cluster(machines.address, lesson) as found:
        late = machines.worker(kit=other_kit)
        give_up = time.monotonic() + 60
        while "has another kit than the run" not in machines.log():
            assert time.monotonic() < give_up, machines.log()
            time.sleep(0.2)
        outcomes = dict(found.grade(asked))
        late.wait(timeout=30)  # it leaves
    assert outcomes == judged_here(lesson, asked)


@needs_dask
def test_grade_on_a_cluster_writes_the_bytes_that_it_writes_here(machines: Machines, tmp_path: Path) -> None:
    machines.worker()
    for number, text in enumerate((EX2, EX2.replace("/ n", ""), "def dlogits(:\n")):
        (tmp_path / "class" / f"s{number}").mkdir(parents=True)
        (tmp_path / "class" / f"s{number}" / "ex2_cross_entropy.py").write_text(text, encoding="utf-8")
    written = []
    for options in ((), ("--cluster", machines.address)):
        out = tmp_path / f"grades{len(options)}"
        done = run_grader("grade", tmp_path / "class", "--out", out, "--seed", "3", "--no-mends", *options, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        written.append(
            {
                path.relative_to(out): path.read_bytes()
                for path in sorted(out.rglob("*"))
                if path.is_file() and ".grader" not in path.parts
            }
        )
    assert written[0] == written[1]
    assert len([path for path in written[0] if path.name == "results.json"]) == 3


def test_without_dask_a_cluster_is_refused_with_what_installs_it(
    lesson: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "grader.run.cluster", raising=False)
    with pytest.raises(KitError, match=r"(?s)needs Dask distributed.*\[cluster\]"):
        judges(lesson, 0, 1, "tcp://127.0.0.1:9")


@needs_dask
@pytest.mark.parametrize(("has_scheduler", "said"), [(False, "no Dask scheduler"), (True, "has no workers")])
def test_a_cluster_that_is_not_there_is_said_so(
    has_scheduler: bool, said: str, lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grader.run.cluster._SECONDS", 2.0)
    found = Machines(tmp_path) if has_scheduler else None
    try:
        with pytest.raises(KitError, match=said):
            cluster(found.address if found else "tcp://127.0.0.1:9", lesson).__enter__()
    finally:
        if found:
            found.end()


# ---- what travels


def test_a_submission_arrives_as_it_was_sent(tmp_path: Path, lesson: Lesson) -> None:
    sent = tmp_path / "sent"
    sent.mkdir()
    data = {"EX1_Chain.py": b"\xef\xbb\xbfx = 1\r\n", "ex2_cross_entropy.py": b"\xff\x00", "Ünï 1.ipynb": b"{}"}
    for name, content in data.items():
        (sent / name).write_bytes(content)
    request = Request(submission_at(sent, lesson), frozenset({"ex1_chain.dprobs"}), is_check=True, mends=False)
    (tmp_path / "there").mkdir()
    there = unpack(pack(request), tmp_path / "there")
    assert (there.steps, there.is_check, there.mends) == (request.steps, True, False)
    assert (there.submission.name, there.submission.notes) == (request.submission.name, request.submission.notes)
    assert {path.name: path.read_bytes() for path in there.submission.all_files()} == {
        path.name: path.read_bytes() for path in request.submission.all_files()
    }
    assert {k: path.name for k, path in there.submission.files.items()} == {
        k: path.name for k, path in request.submission.files.items()
    }


def test_a_name_that_leads_out_of_its_folder_does_not(tmp_path: Path) -> None:
    request = Request(Submission("s", tmp_path, lone_files=(tmp_path / "a.py",)))
    (tmp_path / "a.py").write_text("x = 1\n", encoding="utf-8")
    parcel = pack(request)
    there = tmp_path / "there"
    there.mkdir()
    object.__setattr__(parcel, "lone", (("../../evil.py", b"x"),))
    assert all(there in path.parents for path in unpack(parcel, there).submission.all_files())
    assert not (tmp_path.parent / "evil.py").exists()


def test_what_is_too_large_or_not_there_does_not_travel(tmp_path: Path) -> None:
    large = tmp_path / "large.py"
    with large.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(TooLarge):
        pack(Request(Submission("s", tmp_path, lone_files=(large,))))
    with pytest.raises(OSError, match="No such file"):
        pack(Request(Submission("s", tmp_path, lone_files=(tmp_path / "gone.py",))))
    with pytest.raises(TooLarge):
        pack(Request(Submission("s", tmp_path)))


def test_a_lesson_travels_without_answers(tmp_path: Path, lesson: Lesson) -> None:
    there = unpack_lesson(packed_lesson(lesson), tmp_path)
    stubs = {exercise.file for exercise in lesson.exercises}
    assert {path.name for path in there.iterdir()} == {"lesson.toml", "forward.py", "train.py", *stubs}
    for name in stubs:
        assert (there / name).read_bytes() == (ROOT / "exercises" / "mlp" / name).read_bytes()
    assert shown_shapes(load_lesson(there)) == shown_shapes(lesson)
