"""The seal: what student code cannot do, whatever it tries; and no student code where the seal is not closed.

The answers here are given to the process directly, as if the language had let them through.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyseccomp
import pytest
import torch

from grader.cli import main
from grader.errors import KIT_FAULT, USAGE, WorkerFault
from grader.judge.budget import Lost
from grader.judge.job import Request
from grader.judge.student import Student
from grader.judge.submission import Judge
from grader.lesson import Lesson
from grader.results.store import as_text
from grader.seal.layers import BUBBLEWRAP, FULL, LANDLOCK, MENDS, RLIMITS, SECCOMP, USER
from grader.seal.seccomp import _ALLOWED, _TO_ITSELF
from grader.submission.find import submission_at
from grader.warm import client
from grader.warm.client import Warm
from grader.wire.messages import Answer, Failed
from tests.support import LANGUAGE_OFF, ROOT
from tests.test_worker import LIMITS, X, ask, dies, processes, tensor_of, written

SOLUTIONS = ROOT / "solutions" / "mlp"
pytestmark = pytest.mark.usefixtures("language_off")
IS_ROOT = os.geteuid() == 0


def needs(unguarded: Warm, *layers: str) -> None:
    """Skips where this machine cannot have a layer, with the line that mends it; fails where all are required."""
    for layer in layers:
        if layer not in unguarded.isolation.layers:
            why = f"no {layer} here ({unguarded.isolation.missing.get(layer)}): {MENDS.get(layer, 'make setup')}"
            (pytest.fail if os.environ.get("REQUIRE_ALL") else pytest.skip)(why)


@pytest.fixture
def sealed(unguarded: Warm) -> Iterator[Student]:
    needs(unguarded, *FULL)
    with Student(unguarded, LIMITS) as student:
        yield student


def refusal(student: Student, body: str) -> str:
    """How a body ends that tries what is refused: the error's name and text."""
    reply = ask(student, written(body))
    assert isinstance(reply, Failed), reply
    return reply.error


def said(student: Student, body: str) -> str:
    reply = ask(student, written(f"{body}\nreturn x"))
    assert isinstance(reply, Answer), reply
    return reply.output


# What it cannot do

FILES = {
    "read the system's files": "open('/etc/passwd')",
    "read the solutions": f"open({str(SOLUTIONS / 'ex1_chain.py')!r})",
    "read the tests": f"open({__file__!r})",
    "read the judge": f"open({str(ROOT / 'grader' / 'judge' / 'reference.py')!r})",
    "read its own memory": "open('/proc/self/mem', 'rb')",
    "read another's environment": "open(f'/proc/{os.getppid()}/environ')",
    "list the disk": "os.listdir('/')",
    "list its folder": "os.listdir('.')",
    "list the processes": "os.listdir('/proc')",
    "look at a file": "os.stat('/etc/passwd')",
    "ask where it is": "os.getcwd()",
    "go elsewhere": "os.chdir('/')",
    "write to /tmp": "open('/tmp/from-a-student', 'w')",
    "write to its folder": "open('a', 'w')",
    "write to shared memory": "os.open('/dev/shm/from-a-student', os.O_CREAT | os.O_RDWR)",
    "make a folder": "os.mkdir('/tmp/from-a-student')",
    "remove a file": "os.remove('/etc/hostname')",
    "rename a file": "os.rename('/etc/hostname', '/etc/hostnam')",
    "link a file": "os.symlink('/etc/hostname', '/tmp/from-a-student')",
    "change a file's mode": "os.chmod('/etc/hostname', 0o777)",
    "cut a file": "os.truncate('/etc/hostname', 0)",
    "make a pipe for others": "os.mkfifo('/tmp/from-a-student')",
    "see a file system anew": "os.chroot('/')",
}
OTHERS = {
    "connect": "import socket; socket.create_connection((b'127.0.0.1', {port}))",
    "listen": "import socket; socket.socket()",
    "connect by UNIX sockets": "import socket; socket.socket(socket.AF_UNIX)",
    "make a socket pair": "import socket; socket.socketpair()",
    "fork": "os.fork()",
    "start a program": "os.execv(sys.executable, ['python'])",
    "start one beside": "os.posix_spawn('/bin/true', ['true'], {{}})",
    "start one with a shell": "import subprocess; subprocess.run('true', shell=True)",
    "kill its parent": "os.kill(os.getppid(), 9)",
    "kill everybody": "os.kill(-1, 9)",
    "kill its group": "os.killpg(0, 9)",
    "kill the one who grades": "os.kill({pid}, 9)",
    "be root": "os.setuid(0)",
    "be somebody else": "os.setresuid(1, 1, 1)",
    "raise its limits": "import resource; resource.prlimit(0, resource.RLIMIT_NOFILE, (64, 64))",
    "limit others": "import resource; resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (0, 0))",
    "be first in line": "os.setpriority(os.PRIO_PROCESS, 0, -20)",
    "leave its session": "os.setsid()",
    "wake itself up": "signal.setitimer(signal.ITIMER_REAL, 1)",
    "wait for others": "os.waitpid(-1, 0)",
    "make memory that others can open": "os.memfd_create('x')",
    "watch a process": "os.pidfd_open(os.getppid())",
    "speak to a terminal": "import fcntl; fcntl.ioctl(0, 0x5412, b'x')",
}


@pytest.mark.parametrize("what", FILES)
def test_no_file_can_be_reached(what: str, sealed: Student) -> None:
    assert refusal(sealed, FILES[what]).startswith("PermissionError: ")


@pytest.mark.parametrize("what", OTHERS)
def test_nothing_beside_the_process_can_be_reached(what: str, sealed: Student) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        body = OTHERS[what].format(port=server.getsockname()[1], pid=os.getpid())
        assert "[Errno 1]" in refusal(sealed, body), body
        with pytest.raises(BlockingIOError):
            server.accept()


def test_no_thread_can_be_started(sealed: Student) -> None:
    assert refusal(sealed, "threading.Thread(target=print).start()") == "RuntimeError: can't start new thread"


BEFORE_EVERY_FILTER = {335, 336}  # x86's uretprobe and uprobe, which kill whoever calls them by hand
EVERY_CALL = """
call = ctypes.CDLL(None, use_errno=True).syscall
for number in range(1024):
    if number not in {allowed}:
        ctypes.set_errno(0)
        answer = call(number, *[ctypes.c_long(-1)] * 6)
        if (answer, ctypes.get_errno()) not in ((-1, 1), (-1, 38)): print(number, answer, ctypes.get_errno())
"""


def test_every_system_call_but_those_on_the_list_is_refused(sealed: Student) -> None:
    names = [name for calls in _ALLOWED.values() for name in calls.split()] + [*_TO_ITSELF, "ioctl"]
    allowed = {pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) for name in names}
    assert 50 < len(allowed) < 90
    allowed |= BEFORE_EVERY_FILTER
    assert said(sealed, EVERY_CALL.format(allowed=allowed)) == ""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="only x86 has two more ways into the kernel")
def test_the_kernels_other_doors_are_closed(sealed: Student) -> None:
    x32 = "ctypes.CDLL(None).syscall(0x40000000 + 39)"
    reply = ask(sealed, written(f"{x32}\nreturn x"))
    assert isinstance(reply, Lost)
    assert (reply.verdict, reply.message) == ("crashed", "the process died of SIGSYS")


CALLS_OF_OTHERS = """
call = ctypes.CDLL(None, use_errno=True).syscall
for name, number in {numbers}.items():
    for pid in (os.getppid(), 0, -1, 1):
        ctypes.set_errno(0)
        arguments = (pid, 0) if name == "kill" else (pid, pid, 0)
        if (call(number, *arguments), ctypes.get_errno()) != (-1, 1): print(name, pid)
os.kill(os.getpid(), 0)
"""


def test_the_calls_that_take_a_process_work_on_itself_alone(sealed: Student) -> None:
    numbers = {name: pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) for name in _TO_ITSELF}
    assert said(sealed, CALLS_OF_OTHERS.replace("{numbers}", repr(numbers))) == ""


def test_a_folder_of_its_own_is_empty_and_leaves_nothing_behind(bare_but_limits: Warm) -> None:
    with Student(bare_but_limits, LIMITS) as student:
        refused = ("FileNotFoundError: ", "PermissionError: ")  # it is gone; and it was its maker's
        look = "try: print(os.listdir('.'))\nexcept PermissionError: print([])"
        assert said(student, look) == "[]\n"
        assert refusal(student, "open('a', 'w')").startswith(refused)
        assert refusal(student, "os.mkdir('a')").startswith(refused)
        assert refusal(student, "os.listdir(os.getcwd())").startswith("FileNotFoundError: ")


@pytest.mark.skipif(not IS_ROOT, reason="the tests run as an ordinary user already")
def test_under_root_it_is_nobody(unguarded: Warm, sealed: Student) -> None:
    needs(unguarded, USER)
    nobody = said(sealed, "print(os.getuid(), os.geteuid(), os.getgid(), os.getegid())").split()
    assert len(set(nobody)) <= 2
    assert "0" not in nobody


def test_it_dies_with_the_warm_process_also_as_another_user() -> None:
    with Warm() as unguarded:
        forked = unguarded.fork("student", {"memory_mib": 1024, "cpu_seconds": 5})
        os.kill(processes()[forked.pid].parent, 9)
        assert dies(forked.pid)
        forked.channel.close()


# What it can do all the same

HONEST = {
    "computing": "return (x.softmax(1).log() @ x.T).sum() + torch.linalg.norm(x)",
    "much of it": "y = torch.ones(400, 400)\nfor _ in range(20): y = (y @ y) / y.sum()\nreturn x",
    "random numbers": "torch.manual_seed(3); return torch.rand(2, 3)",
    "a generator of its own": "return torch.rand(3, generator=torch.Generator().manual_seed(1))",
    "printing": "print(x, x.shape, f'{x.sum():.3f}', repr(x.float())); return x",
    "names in Greek": "δ = x\nprint('\\N{GREEK SMALL LETTER DELTA}')\nreturn δ",
    "a small class": (
        "import dataclasses, typing, functools, itertools, collections, collections.abc, math\n"
        "@dataclasses.dataclass\nclass Pair:\n    a: int\n    b: typing.Any = None\nreturn x * Pair(1).a"
    ),
    "an error of its own, handled": "try: 1 / 0\nexcept ZeroDivisionError as error: print(error)\nreturn x",
    "a warning": "import warnings; warnings.warn('careful'); return x",
    "one-hot, einsum and losses": (
        "import torch.nn.functional as F\nt = torch.tensor([0, 1])\n"
        "return F.one_hot(t, 3) * torch.einsum('ij,kj->ik', x, x).sum() + F.cross_entropy(x, t)"
    ),
}


@pytest.mark.parametrize("what", HONEST)
@pytest.mark.filterwarnings("ignore")
def test_honest_work_needs_nothing_that_is_refused(what: str, sealed: Student) -> None:
    assert isinstance(ask(sealed, written(HONEST[what])), Answer)


# Each layer by itself


@pytest.fixture(scope="module")
def bare_but_limits() -> Iterator[Warm]:
    with Warm(left_out=(LANDLOCK, SECCOMP, BUBBLEWRAP)) as unguarded:
        yield unguarded


def test_what_is_left_out_is_said_and_named_as_missing(bare_but_limits: Warm) -> None:
    isolation = bare_but_limits.isolation
    assert [layer for layer in isolation.layers if layer != USER] == ["process", "rlimits"]
    assert isolation.lacks == (LANDLOCK, SECCOMP)
    assert set(isolation.missing.values()) == {"left out on request"}


@pytest.mark.parametrize("limit", ["CPU", "FSIZE", "CORE", "NOFILE", "NPROC"])
def test_its_limits_are_set_before_its_first_line(limit: str, bare_but_limits: Warm) -> None:
    wanted = {"CPU": (66, 67), "NOFILE": (64, 64)}.get(limit, (0, 0))
    with Student(bare_but_limits, LIMITS) as student:
        line = said(student, f"import resource; print(*resource.getrlimit(resource.RLIMIT_{limit}))")
    assert tuple(map(int, line.split())) == wanted


# Memory: what torch maps by itself differs from build to build, and is not the student's

HUGE = 5 << 30
_MAPPING = f"import mmap\nhuge = mmap.mmap(-1, {HUGE}, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0)\nmain("


@pytest.fixture(scope="module")
def heavy() -> Iterator[Warm]:
    """A warm process that has mapped more than a student may take, before any student process is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "_START", client._START.replace("main(", _MAPPING, 1))
        started = Warm()
    with started as unguarded:
        yield unguarded


TAKEN = {
    "tensors": "y = torch.ones({mib} << 17, dtype=torch.float64)",
    "bytes": "y = bytearray({mib} << 20)",
    "a list": "y = [0] * ({mib} << 17)",
    "a mapping of its own": "import mmap; y = mmap.mmap(-1, {mib} << 20)",
    "a shared mapping": "import mmap; y = mmap.mmap(-1, {mib} << 20, flags=mmap.MAP_SHARED)",
    "many tensors": "y = [torch.ones(1 << 17, dtype=torch.float64) for _ in range({mib})]",
}


@pytest.mark.parametrize("process", ["unguarded", "heavy"])
@pytest.mark.parametrize("what", TAKEN)
def test_memory_is_counted_from_what_was_mapped_before(what: str, process: str, request: pytest.FixtureRequest) -> None:
    warm: Warm = request.getfixturevalue(process)
    needs(warm, RLIMITS)
    body = TAKEN[what]
    with Student(warm, replace(LIMITS, memory_mib=400)) as student:
        within = ask(student, written(body.format(mib=300) + "\nreturn x"))
        beyond = ask(student, written(body.format(mib=420) + "\nreturn x"))
        mapped = student.mapped_mib
    assert isinstance(within, Answer), within
    assert isinstance(beyond, Failed), beyond
    assert beyond.is_memory, beyond
    assert mapped is None or (mapped > HUGE >> 20) == (process == "heavy")


def test_a_large_mapping_made_before_changes_no_verdict(lesson: Lesson, judge: Judge, heavy: Warm) -> None:
    for name in ("s01", "s05", "s13"):  # all right; wrong; code that raises
        request = Request(submission_at(ROOT / "data" / "class" / name, lesson), mends=False)
        results = [by.judge(request).as_json() for by in (judge, Judge(lesson, 0, heavy))]
        assert as_text(results[0]) == as_text(results[1])


def test_where_the_system_does_not_tell_what_is_mapped_honest_work_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    blind = "import grader.seal.rlimits as limits\nlimits.mapped = lambda: None\nmain("
    monkeypatch.setattr(client, "_START", client._START.replace("main(", blind, 1))
    with Warm() as unguarded, Student(unguarded, LIMITS) as student:
        needs(unguarded, RLIMITS)
        assert isinstance(ask(student, written("y = torch.ones(1 << 27, dtype=torch.uint8)\nreturn x")), Answer)
        assert refusal(student, "y = bytearray(11 << 30)") == "ran out of memory"
        assert student.mapped_mib is None


def test_under_a_limit_of_the_surroundings_nothing_is_run_and_the_mend_is_named() -> None:
    with pytest.MonkeyPatch.context() as patch:
        lower = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({HUGE}, {HUGE}))\nmain("
        patch.setattr(client, "_START", client._START.replace("main(", lower, 1))
        with Warm() as unguarded, Student(unguarded, replace(LIMITS, memory_mib=8192)) as student:
            needs(unguarded, RLIMITS)
            with pytest.raises(WorkerFault, match=r"8192 MiB of memory cannot be had.*ulimit -v unlimited"):
                ask(student, written("return x"))


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_it_has_no_new_rights_and_nobody_reads_its_memory(bare_but_limits: Warm) -> None:
    ask_kernel = "libc = ctypes.CDLL(None)\nprint(libc.prctl(39, 0, 0, 0, 0), libc.prctl(3, 0, 0, 0, 0))"
    with Student(bare_but_limits, LIMITS) as student:
        assert said(student, ask_kernel) == "1 0\n"


def test_processor_time_that_is_used_up_is_told_as_that(bare_but_limits: Warm) -> None:
    with Student(bare_but_limits, LIMITS) as student:
        body = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 2))\nwhile True: pass"
        reply = ask(student, written(body))
    assert isinstance(reply, Lost)
    assert (reply.verdict, reply.message, reply.limit) == ("timeout", "it used up its processor time", "submission")


def test_without_more_walls_the_limits_hold_files_and_processes(bare_but_limits: Warm) -> None:
    with Student(bare_but_limits, LIMITS) as student:
        many = refusal(student, "kept = []\nwhile True: kept.append(os.open('/dev/null', 0))")
        assert many.startswith("OSError: [Errno 24] Too many open files")
        if not IS_ROOT or USER in bare_but_limits.isolation.layers:
            assert refusal(student, "os.fork()").startswith("BlockingIOError: ")


def test_landlock_alone_keeps_it_from_files_and_from_others_processes() -> None:
    with Warm(left_out=(SECCOMP, USER, BUBBLEWRAP)) as unguarded:
        needs(unguarded, LANDLOCK)
        with Student(unguarded, LIMITS) as student:
            for body in ("open('/etc/passwd')", "os.listdir('/')", "open('/tmp/from-a-student', 'w')"):
                assert refusal(student, body).startswith("PermissionError: [Errno 13]"), body
            if not IS_ROOT:
                return
            assert refusal(student, "os.kill(os.getppid(), 0)").startswith("PermissionError: [Errno 1]")


def test_seccomp_alone_keeps_it_from_files_too() -> None:
    with Warm(left_out=(LANDLOCK, USER, BUBBLEWRAP)) as unguarded:
        needs(unguarded, SECCOMP)
        with Student(unguarded, LIMITS) as student:
            for body in ("open('/etc/passwd')", "os.listdir('/')", "os.fork()", "os.kill(os.getppid(), 0)"):
                assert refusal(student, body).startswith("PermissionError: [Errno 1]"), body


def test_bubblewrap_takes_the_place_of_what_is_missing(tmp_path: Path) -> None:
    with Warm(left_out=(LANDLOCK, SECCOMP)) as unguarded, socket.create_server(("127.0.0.1", 0)) as server:
        needs(unguarded, BUBBLEWRAP)
        assert unguarded.isolation.lacks == (LANDLOCK, SECCOMP)
        connect = f"import socket; socket.create_connection((b'127.0.0.1', {server.getsockname()[1]}))"
        with Student(unguarded, LIMITS) as student:
            assert torch.equal(tensor_of(ask(student, written("return x"))), X)
            assert refusal(student, connect).startswith("ConnectionRefusedError: ")
            assert refusal(student, f"open({str(tmp_path / 'a')!r}, 'w')").startswith(
                ("OSError: ", "PermissionError: ")
            )
            assert refusal(student, f"os.kill({os.getpid()}, 0)").startswith("ProcessLookupError: ")


# A machine where the kit itself is not root

AS_NOBODY = """
import ctypes, json, os, sys
sys.path.append(sys.argv[2])
import torch, grader.runner.serve, sandlock, pyseccomp  # root can read these, wherever they are
grader.runner.serve.warm_up()
grader.runner.serve.warm_up = lambda: None
os.setgroups([]), os.setresgid(65534, 65534, 65534), os.setresuid(65534, 65534, 65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as after a start by this user: its /proc is its own
from grader.warm.process import main
main(int(sys.argv[1]), json.loads(sys.argv[3]))
"""


@pytest.mark.skipif(not IS_ROOT, reason="the tests run as an ordinary user already: all of them show it")
def test_the_seal_is_full_without_root(unguarded: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    needs(unguarded, *FULL)
    monkeypatch.setattr(client, "_START", AS_NOBODY.replace("main(", f"{LANGUAGE_OFF}main("))
    with Warm() as unprivileged:
        assert unprivileged.isolation.layers == FULL
        with Student(unprivileged, LIMITS) as student:
            assert torch.equal(tensor_of(ask(student, written("return x"))), X)
            for body in (FILES["read the system's files"], "import socket; socket.socket()", "os.fork()"):
                assert refusal(student, body).startswith("PermissionError: "), body
            reply = ask(student, written("while True: pass"), seconds=0.3)
            assert isinstance(reply, Lost)
            assert torch.equal(tensor_of(ask(student, written("return x"))), X)


# A seal that is not closed

WITH_A_FAULT = """
import json, sys
from dataclasses import replace
sys.path.append(sys.argv[2])
from grader.seal import close, layers
from grader.warm import process
warm_up = process._warm_up
def fault(*_):
    {fault}
def spoiled():
    close.LAYERS["{layer}"] = replace(close.LAYERS["{layer}"], close=fault)
    return warm_up()
process._warm_up = spoiled  # the layer has worked by then
process.main(int(sys.argv[1]), json.loads(sys.argv[3]))
"""
FAULTS = {
    "silent": ("return", {LANDLOCK: "can be opened", SECCOMP: "a socket is possible", RLIMITS: "is not set"}),
    "loud": ("raise layers.SealError('no')", dict.fromkeys((LANDLOCK, SECCOMP, RLIMITS), ": no")),
    "broken": ("raise OSError(28, 'no room')", dict.fromkeys((LANDLOCK, SECCOMP, RLIMITS), "no room")),
    "deadly": ("import os; os._exit(0)", dict.fromkeys((LANDLOCK, SECCOMP, RLIMITS), "before it was sealed")),
}
SPOILED = [(kind, layer) for kind, (_, layers) in FAULTS.items() for layer in layers if IS_ROOT or layer != USER]


@pytest.mark.parametrize(("kind", "layer"), SPOILED)
def test_a_layer_that_does_not_close_is_noticed_and_nothing_runs(
    kind: str, layer: str, unguarded: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs(unguarded, layer)
    fault, words = FAULTS[kind]
    monkeypatch.setattr(client, "_START", WITH_A_FAULT.format(fault=fault, layer=layer))
    with Warm() as spoiled:
        assert layer in spoiled.isolation.layers
        with Student(spoiled, LIMITS) as student, pytest.raises(WorkerFault) as raised:
            ask(student, written("return x"))
    assert words[layer] in str(raised.value)
    assert raised.value.exit_code == KIT_FAULT


@pytest.fixture
def spoiled_landlock(unguarded: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    needs(unguarded, LANDLOCK)
    monkeypatch.setattr(client, "_START", WITH_A_FAULT.format(fault="return", layer=LANDLOCK))


@pytest.mark.usefixtures("spoiled_landlock")
def test_check_ends_with_3_and_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(SOLUTIONS), "dprobs"]) == KIT_FAULT
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "could not be made ready, so nothing was run: landlock: / can be opened" in printed.err


@pytest.mark.usefixtures("spoiled_landlock")
def test_train_ends_with_3(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["train", str(SOLUTIONS), "--steps", "2", "--out", str(tmp_path)]) == KIT_FAULT
    assert "could not be made ready" in capsys.readouterr().err


@pytest.mark.usefixtures("spoiled_landlock")
def test_grade_ends_with_3_and_every_submission_has_its_results(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("ann", "bob"):
        shutil.copytree(ROOT / "data" / "class" / "s01", tmp_path / "class" / name)
    left = tmp_path / "out" / "submissions" / "ann" / "feedback.html"
    left.parent.mkdir(parents=True)
    left.write_text("of an earlier run")
    assert main(["grade", str(tmp_path / "class"), "--out", str(tmp_path / "out"), "--jobs", "1"]) == KIT_FAULT
    assert "could not be graded: ann: a student process could not be made ready" in capsys.readouterr().out
    for name in ("ann", "bob"):
        result = json.loads((tmp_path / "out" / "submissions" / name / "results.json").read_text())
        assert (result["submission"], result["exercises"], result["score"]) == (name, [], 0)
        assert "through a fault of the kit" in result["notes"][-1]
    assert not left.exists()


# What a run says about its walls


def without(monkeypatch: pytest.MonkeyPatch, *left_out: str) -> None:
    """A machine that does not have these layers."""
    for place in ("grader.run.pool.Warm", "grader.commands.train.Warm", "grader.commands.doctor.Warm"):
        monkeypatch.setattr(place, lambda *_: Warm(left_out))


def grade(out: Path, *options: str) -> int:
    return main(["grade", str(ROOT / "data" / "class" / "s01"), "--out", str(out), "--seed", "1", *options])


def test_grade_refuses_to_run_with_less_than_what_is_required(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    without(monkeypatch, LANDLOCK, BUBBLEWRAP)
    assert grade(tmp_path, "--require-isolation") == USAGE
    printed = capsys.readouterr()
    assert "missing here: landlock: left out on request" in printed.err
    assert MENDS[LANDLOCK] in printed.err
    assert not (tmp_path / "grades.csv").exists()


def test_grade_with_less_goes_on_and_says_so_and_keeps_results_apart(
    unguarded: Warm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    needs(unguarded, *FULL)
    assert grade(tmp_path, "--require-isolation") == 0
    full = capsys.readouterr().out
    assert "but no" not in full
    with monkeypatch.context() as lesser:
        without(lesser, LANDLOCK, BUBBLEWRAP)
        assert grade(tmp_path) == 0
    less = capsys.readouterr().out
    assert "but no landlock; code written to do harm is held by fewer walls here" in less
    assert "unchanged" not in less
    result = json.loads((tmp_path / "submissions" / "s01" / "results.json").read_text())
    assert [layer for layer in result["isolation"] if layer != USER] == ["process", "rlimits", "seccomp"]
    assert grade(tmp_path) == 0
    assert "unchanged" not in capsys.readouterr().out
    again = json.loads((tmp_path / "submissions" / "s01" / "results.json").read_text())
    assert set(FULL) <= set(again["isolation"])
    assert grade(tmp_path) == 0
    assert "1 of them unchanged" in capsys.readouterr().out


def test_check_with_less_says_so_beside_its_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without(monkeypatch, LANDLOCK, SECCOMP, BUBBLEWRAP)
    assert main(["check", str(SOLUTIONS), "dprobs", "--json"]) == 0
    printed = capsys.readouterr()
    assert [layer for layer in json.loads(printed.out)["isolation"] if layer != USER] == ["process", "rlimits"]
    assert "but no landlock and no seccomp" in printed.err


def test_train_with_less_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    without(monkeypatch, SECCOMP, BUBBLEWRAP)
    assert main(["train", str(SOLUTIONS), "--steps", "2", "--out", str(tmp_path)]) == 0
    assert "but no seccomp" in capsys.readouterr().out


def test_doctor_names_each_missing_layer_with_its_mend(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without(monkeypatch, LANDLOCK, SECCOMP, BUBBLEWRAP)
    assert main(["doctor"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for layer in (LANDLOCK, SECCOMP, BUBBLEWRAP):
        assert re.search(rf"-- {layer} +left out on request", text)
        assert f"mend: {' '.join(MENDS[layer].split())}" in text


def test_doctor_names_the_layers_and_the_user(unguarded: Warm, capsys: pytest.CaptureFixture[str]) -> None:
    needs(unguarded, *FULL)
    assert main(["doctor"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"ok isolation {', '.join(unguarded.isolation.layers)}" in text
    assert "as the user nobody" in text if USER in unguarded.isolation.layers else "as you" in text


def test_isolation_is_known_before_torch_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_START", client._START.replace(LANGUAGE_OFF, ""))  # which imports torch
    start = time.monotonic()
    with Warm() as unguarded:
        assert unguarded.isolation.layers
        known = time.monotonic() - start
        unguarded.bury(unguarded.fork("student", {"memory_mib": 1024, "cpu_seconds": 5}))
        ready = time.monotonic() - start
    assert known < ready / 2


def test_results_carry_the_layers_that_were_active(judge_layers: list[str], unguarded: Warm) -> None:
    assert judge_layers == list(unguarded.isolation.layers)


@pytest.fixture
def judge_layers(lesson: Lesson, unguarded: Warm) -> list[str]:
    request = Request(submission_at(SOLUTIONS, lesson), frozenset({"ex1_chain.dprobs"}))
    return list(Judge(lesson, 0, unguarded).judge(request).isolation)
