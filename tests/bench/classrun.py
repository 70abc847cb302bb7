"""A whole class, measured: as the command does it, against the least it can cost and against its peer.

STUDENTS=100 make bench measures a smaller class. The mixed class is the sample class five times over: of its twenty
submissions four are right as a whole, and one holds a loop that never ends.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.lesson import Lesson
from grader.run.pool import Pool
from grader.submission.find import find_submissions
from grader.warm.client import Warm
from tests.bench.bare import bare_run, recorded
from tests.bench.classes import complete_class, mixed_class
from tests.bench.row import Row

ROOT = Path(__file__).resolve().parents[2]
STUDENTS = int(os.environ.get("STUDENTS", "1000"))
CORES = 2
SECONDS_A_THOUSAND = 60.0
OVER_BARE = 2.5
OVER_PEER = 40.0
CACHED_SECONDS = 2.0
GROWTH_MIB = 16.0
_TURNS, _PEERS = 40, 6
SAMPLES, TIMES, ENDLESS = ROOT / "data" / "class", 5, "s14"  # the one that never ends
OVER_WITHOUT_MENDS = 2.0
ENDLESS_SECONDS = 6.0
_TICK = os.sysconf("SC_CLK_TCK")


def class_rows(lesson: Lesson) -> list[Row]:
    """The rows about classes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        root = Path(folder)
        complete_class(root / "class", STUDENTS)
        seconds = _command(root, "--seed", "1")
        cached = statistics.median(_command(root) for _ in range(3))
        return [
            over_bare(lesson, root / "class"),
            _whole_class(seconds),
            _peer(root / "class", seconds / STUDENTS),
            _cached(cached),
            flat_memory(lesson, root / "class"),
            *mixed_rows(root),
        ]


def mixed_rows(root: Path) -> list[Row]:
    """A class as instructors meet it: what looking for mends adds, and what a submission that never ends does."""
    samples = sum(sample.is_dir() for sample in SAMPLES.iterdir())
    ending, whole = root / "ending", root / "mixed"
    mixed_class(ending / "class", TIMES * (samples - 1), SAMPLES, left_out=ENDLESS)
    mixed_class(whole / "class", TIMES * samples, SAMPLES)
    without = _command(ending, "--seed", "1", "--no-mends")
    mended = _command(ending, "--seed", "1", "--regrade")
    endless = _command(whole, "--seed", "1")
    ratio, each = mended / without, (endless - mended) / TIMES
    claim = f"{TIMES * (samples - 1)} mixed submissions, with mends / without, {CORES} judges"
    measured = f"{ratio:.2f} ({mended:.0f} s / {without:.0f} s)"
    more = f"{each:.1f} s ({endless:.0f} s - {mended:.0f} s, {TIMES} submissions)"
    return [
        Row(claim, measured, f"at most {OVER_WITHOUT_MENDS:g}", ratio <= OVER_WITHOUT_MENDS),
        Row("each that never ends, more", more, f"at most {ENDLESS_SECONDS:g} s", each <= ENDLESS_SECONDS),
    ]


def over_bare(lesson: Lesson, folder: Path) -> Row:
    """Processor time of a submission in the processes that judge it, over that of a fork, the seal and the same calls.

    Those of the judge, of the warm process, and of all student processes that it buried.
    """
    found = find_submissions([folder], lesson).submissions[: _TURNS + 1]
    requests = [Request(submission) for submission in found]
    with Warm() as warm:
        bare = bare_run(recorded(Judge(lesson, 1, warm), requests[0]))
    with Pool(lesson, 1) as pool:
        results = pool.judge(requests)
        next(results)  # the first one works the references out
        processes = pool.warm_pid, pool.pids[0]
        start = sum(map(_cpu_of, processes))
        least = 0.0
        for _ in requests[1:]:  # side by side: the machine is the same for both
            least += bare()
            next(results)
        own = sum(map(_cpu_of, processes)) - start
    turns = len(requests) - 1
    measured = f"{own / least:.2f} ({own / turns * 1000:.0f} ms / {least / turns * 1000:.0f} ms)"
    return Row(
        "a submission / fork, seal and calls alone", measured, f"at most {OVER_BARE:g}", own / least <= OVER_BARE
    )


def flat_memory(lesson: Lesson, folder: Path) -> Row:
    """What one judge holds after a tenth of the class and after all of it."""
    requests = [Request(submission) for submission in find_submissions([folder], lesson).submissions]
    sizes = []
    with Pool(lesson, 1) as pool:
        for count, _ in enumerate(pool.judge(requests), start=1):
            if count in (max(len(requests) // 10, 1), len(requests) - 1):
                sizes.append(_memory_of(pool.pids[0]))
    early, late = sizes[0], sizes[-1]
    measured = f"{late - early:+.0f} MiB ({early:.0f} -> {late:.0f} MiB)"
    claim = f"memory of a judge, from {max(len(requests) // 10, 1)} to {len(requests)} submissions"
    return Row(claim, measured, f"at most {GROWTH_MIB:g} MiB more", late - early <= GROWTH_MIB)


def _whole_class(seconds: float) -> Row:
    thousand = seconds / STUDENTS * 1000
    measured = f"{seconds:.0f} s ({STUDENTS / seconds:.1f} a second)"
    claim = f"{STUDENTS} complete submissions, {CORES} judges"
    return Row(claim, measured, f"1,000 in {SECONDS_A_THOUSAND:g} s", thousand <= SECONDS_A_THOUSAND)


def _peer(folder: Path, ours: float) -> Row:
    """One pytest process a submission, as many at once as there are judges."""
    waiting = sorted(folder.iterdir())[:_PEERS]
    start = time.perf_counter()
    while waiting:
        together, waiting = waiting[:CORES], waiting[CORES:]
        running = [_pytest(submission) for submission in together]
        assert [process.wait() for process in running] == [0] * len(running), "the peer refused a right answer"
    theirs = (time.perf_counter() - start) / min(_PEERS, STUDENTS)
    measured = f"{theirs / ours:.0f} ({theirs:.2f} s / {ours:.3f} s)"
    return Row("throughput / one pytest process each", measured, f"at least {OVER_PEER:g}", theirs / ours >= OVER_PEER)


def _cached(seconds: float) -> Row:
    claim = f"the same {STUDENTS} again, unchanged"
    return Row(claim, f"{seconds:.2f} s", f"at most {CACHED_SECONDS:g} s", seconds <= CACHED_SECONDS)


def _command(root: Path, *options: str) -> float:
    where = (str(root / "class"), "--out", str(root / "out"))
    command = [sys.executable, "-m", "grader", "grade", *where, "--jobs", str(CORES)]
    start = time.perf_counter()
    subprocess.run([*command, *options], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def _pytest(submission: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-o",
        "addopts=",
        "tests/bench/peer.py",
    ]
    environment = {**os.environ, "SUBMISSION": str(submission), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


def _cpu_of(pid: int) -> float:
    """Seconds of processor time of a process and of its children that are buried."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICK


def _memory_of(pid: int) -> float:
    """MiB that are resident."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
