"""Machines on which little can be written: no temporary folder, no home."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from grader.downloads.workspace import Workspace, free_space
from grader.errors import KitError
from grader.jupyter.kit import _temporary_folder
from grader.seal.layers import SealError
from grader.seal.process import nowhere
from tests.support import ROOT

SAMPLE = ROOT / "data" / "class" / "s01"


@pytest.fixture
def nothing_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every place for temporary folders is gone."""
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", list)
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.mark.usefixtures("nothing_to_write")
def test_archives_without_a_temporary_folder_are_refused_with_what_helps() -> None:
    assert free_space() > 1 << 40
    with pytest.raises(KitError, match=r"^archives cannot be unpacked anywhere: ") as caught:
        Workspace().place("a.py")
    assert "TMPDIR=" in caught.value.mend


@pytest.mark.usefixtures("nothing_to_write")
def test_a_notebook_without_a_temporary_folder_says_what_helps() -> None:
    with pytest.raises(KitError, match="no temporary folder can be written") as caught:
        _temporary_folder()
    assert "TMPDIR=" in caught.value.mend


def test_student_code_without_a_temporary_folder_stands_in_memory_or_the_kit_says_what_helps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = tempfile.mkdtemp

    def refused(prefix: str, dir: str | None = None) -> str:
        if dir == "/dev/shm" and in_memory:
            return made(prefix=prefix)
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("grader.seal.process.tempfile.mkdtemp", refused)
    in_memory = True
    descriptor = nowhere.__wrapped__()
    assert os.fstat(descriptor).st_nlink == 0  # gone already, so nothing can be put there
    os.close(descriptor)
    in_memory = False
    with pytest.raises(SealError, match="TMPDIR= names one that can"):
        nowhere.__wrapped__()


def _has_bubblewrap() -> bool:
    """Whether it is there, and may make a place of its own here."""
    return subprocess.run(["bwrap", "--ro-bind", "/", "/", "true"], check=False, capture_output=True).returncode == 0


needs_bubblewrap = pytest.mark.skipif(
    not os.environ.get("REQUIRE_ALL") and (shutil.which("bwrap") is None or not _has_bubblewrap()),
    reason="no bubblewrap here: apt-get install bubblewrap",
)


def _on_a_machine(
    *arguments: str | Path, shm: bool = True, nobody: bool = False, tmpdir: str = ""
) -> subprocess.CompletedProcess[str]:
    """The real command line where nothing can be written, but for /mnt and, with `shm`, memory."""
    walls = ["bwrap", "--ro-bind", "/", "/", "--proc", "/proc", "--tmpfs", "/mnt", "--chdir", str(ROOT)]
    walls += ["--dev", "/dev"] if shm else ["--dev-bind", "/dev", "/dev", "--ro-bind", "/dev/shm", "/dev/shm"]
    walls += ["--unshare-user", "--uid", "54321"] if nobody else []
    kept = {name: value for name, value in os.environ.items() if name not in ("TMPDIR", "TEMP", "TMP", "HOME")}
    return subprocess.run(
        [*walls, sys.executable, "-m", "grader", *map(str, arguments)],
        env={**kept, "PYTHONPATH": str(ROOT), **({"TMPDIR": tmpdir} if tmpdir else {})},
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@needs_bubblewrap
def test_a_class_is_graded_where_nothing_but_its_out_can_be_written() -> None:
    done = _on_a_machine("grade", SAMPLE, "--out", "/mnt/grades", "--no-mends", nobody=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "s01            44" in done.stdout
    assert "landlock" not in done.stdout  # it says what is missing around student code: this layer is not


@needs_bubblewrap
def test_training_draws_its_curve_without_a_home_and_without_a_warning() -> None:
    done = _on_a_machine("train", "--steps", "2", "--out", "/mnt/runs", ROOT / "solutions" / "mlp")
    assert (done.returncode, done.stderr) == (0, "")
    assert "loss curve: /mnt/runs/" in done.stdout


@needs_bubblewrap
@pytest.mark.parametrize("tmpdir", ["", "/mnt"])
def test_an_archive_is_graded_once_tmpdir_names_a_folder(tmpdir: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "s01.zip", "w") as archive:
        for file in SAMPLE.glob("*.py"):
            archive.write(file, f"s01/{file.name}")
    done = _on_a_machine("grade", tmp_path / "s01.zip", "--out", "/mnt/g", "--no-mends", shm=False, tmpdir=tmpdir)
    assert "Traceback" not in done.stderr
    assert (done.returncode == 0) == bool(tmpdir)
    assert tmpdir or "TMPDIR=" in done.stderr


@needs_bubblewrap
def test_where_student_code_has_no_folder_check_says_what_helps() -> None:
    done = _on_a_machine("check", "dprobs", shm=False)
    assert done.returncode == 3
    assert "TMPDIR= names one that can" in done.stderr
    assert "Traceback" not in done.stderr
