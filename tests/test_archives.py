"""Archives that were made to do harm, or are broken: what is refused, why, and that the rest is graded."""

from __future__ import annotations

import io
import os
import random
import stat
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import pytest

from grader.downloads.unpack import MIB, Caps
from grader.downloads.workspace import Workspace, remove_left_behind
from grader.errors import KIT_FAULT, STOPPED, KitError
from grader.lesson import Lesson
from grader.submission.find import find_submissions
from tests.support import ROOT, run_grader
from tests.test_cli import interrupted
from tests.test_downloads import EX1, EX2, EX3, FILLED, Files, X, plant, taken, zipped

SMALL = Caps(
    file_bytes=MIB, archive_bytes=2 * MIB, run_bytes=20 * MIB, entries=200, run_entries=2_000, small=MIB // 10, depth=3
)
NOISE = random.Random(0).randbytes(MIB)  # does not pack


def entry(name: str, mode: int = 0, **fields: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def zip_of(*entries: tuple[zipfile.ZipInfo | str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for info, data in entries:
            archive.writestr(info, data, method)
    return out.getvalue()


def patched(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new)


def encrypted() -> bytes:
    """Flag bit 0 set, in both places where it stands."""
    data = bytearray(zip_of((EX1, b"x"), (EX2, b"x")))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1
    return bytes(data)


def overlapping() -> bytes:
    """Many entries of one body: the list of entries names the first one again and again."""
    data = zip_of((EX1, NOISE[:1000]))
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    directory = data[start:end] * 20
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 20, 20, len(directory), start, 0)
    return data[:start] + directory + tail


def lying_size() -> bytes:
    """Says that it unpacks to 4 bytes, in both places, and unpacks to 300,000."""
    data = bytearray(zip_of((EX1, b"#" * 300_000)))
    struct.pack_into("<I", data, 22, 4)
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 4)
    return bytes(data)


def long_directory() -> bytes:
    """Remarks on entries are in the list of entries alone."""
    infos = [entry(f"{n}.txt") for n in range(20)]
    for n, info in enumerate(infos):
        info.comment = NOISE[50_000 * n :][:65_000]
    return zip_of(*((info, b"") for info in infos))


def nested(depth: int) -> bytes:
    data = zipped({EX1: X})
    for _ in range(depth):
        data = zip_of(("in.zip", data))
    return data


def tar_of(*members: tuple[str, bytes, bytes]) -> bytes:
    """Names, types and contents."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, kind, data in members:
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname = kind, len(data), "/etc/passwd"
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def long_header() -> bytes:
    """Digits that tarfile would search for a length, in quadratic time."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo(EX1)
        member.pax_headers = {"comment": "1" * 100_000}
        archive.addfile(member)
    return out.getvalue()


@dataclass(frozen=True)
class Hostile:
    """An archive beside honest ones: what is said about it, and what is read all the same."""

    name: str
    make: Callable[[], bytes]
    says: str
    read: str = "1"  # of its own content
    file: str = "eve.zip"


HOSTILE = (
    Hostile("a way out", lambda: zip_of(("../../up.py", b"x"), (EX1, b"x")), "leads out of the archive"),
    Hostile("a way out by backslashes", lambda: zip_of(("a\\..\\..\\up.py", b"x"), (EX1, b"x")), "leads out"),
    Hostile("an absolute path", lambda: zip_of(("/tmp/up.py", b"x"), (EX1, b"x")), "absolute path"),
    Hostile("a drive", lambda: zip_of(("C:\\up.py", b"x"), (EX1, b"x")), "absolute path"),
    Hostile("a link", lambda: zip_of((entry(EX2, stat.S_IFLNK | 0o777), b"/etc/passwd"), (EX1, b"x")), "a link"),
    Hostile("a device", lambda: zip_of((entry(EX2, stat.S_IFCHR), b""), (EX1, b"x")), "no plain file"),
    Hostile("a pipe", lambda: zip_of((entry(EX2, stat.S_IFIFO), b""), (EX1, b"x")), "no plain file"),
    Hostile("a bomb", lambda: zip_of((EX2, b"#" * MIB), (EX1, b"x")), "as a zip bomb does"),
    Hostile("a large file", lambda: zip_of((EX2, NOISE + b"x"), (EX1, b"x")), "larger than 1 MiB"),
    Hostile(
        "too much in all",
        lambda: zip_of(*((f"{n}.py", b"#" * 100_000) for n in range(80)), (EX1, b"x")),
        "too much",
        "",
    ),
    Hostile(
        "too many files", lambda: zip_of(*((f"{n}.txt", b"") for n in range(600)), (EX1, b"x")), "too many files", ""
    ),
    Hostile("a size that lies", lying_size, "cannot be unpacked", ""),
    Hostile("entries that overlap", overlapping, "overlap", ""),
    Hostile("a list without end", long_directory, "list of entries is too long", ""),
    Hostile("archives in archives", lambda: zip_of(("deep.zip", nested(4)), (EX1, b"x")), "nested too deeply"),
    Hostile("folders in folders", lambda: zip_of(("d/" * 200 + EX2, b"x"), (EX1, b"x")), "nested too deeply"),
    Hostile(
        "one name twice",
        lambda: patched(zip_of((EX1, b"x"), ("ex1_chain.pY", b"y")), b"ex1_chain.pY", EX1.encode()),
        "stands in the archive twice",
    ),
    Hostile(
        "a file and a folder of one name",
        lambda: zip_of(("a", b"x"), ("a/b.py", b"x"), (EX1, b"x")),
        "a file and a folder",
    ),
    Hostile("encrypted", encrypted, "encrypted", "2"),
    Hostile("packed in another way", lambda: zip_of((EX1, b"x"), method=zipfile.ZIP_LZMA), "method 14", ""),
    Hostile(
        "a wrong checksum",
        lambda: patched(zip_of((EX1, X.encode()), (EX2, b"")), struct.pack("<I", zlib.crc32(X.encode())), b"abcd"),
        "cannot be unpacked",
        "2",
    ),
    Hostile("cut off", lambda: zip_of((EX1, NOISE[:5000]))[:3000], "broken", ""),
    Hostile("no zip at all", lambda: b"x = 1\n", "no zip archive", ""),
    Hostile("empty", lambda: b"", "no zip archive", ""),
    Hostile("a RAR by another name", lambda: b"Rar!\x1a\x07\x00", "RAR archive", ""),
    Hostile("no UTF-8 in its names", lambda: patched(zip_of(("é.py", b"x")), "é".encode(), b"\xff\xfe"), "UTF-8", ""),
    Hostile("a NUL in a name", lambda: patched(zip_of(("up?.py", b"x"), (EX1, b"x")), b"up?.py", b"up\0.py"), "NUL"),
    Hostile("a name without end", lambda: zip_of((f"a{'-1' * 3000}.py", b"x"), (EX1, b"x")), "its name has 6004"),
    Hostile("no name", lambda: zip_of((".", b"x"), (EX1, b"x")), "no name"),
    Hostile(
        "tar: a way out",
        lambda: tar_of(("../up.py", tarfile.REGTYPE, b"x"), (EX1, tarfile.REGTYPE, b"x")),
        "leads out",
        file="eve.tar.gz",
    ),
    Hostile(
        "tar: links",
        lambda: tar_of((EX2, tarfile.SYMTYPE, b""), (EX3, tarfile.LNKTYPE, b""), (EX1, tarfile.REGTYPE, b"x")),
        "a link",
        file="eve.tar.gz",
    ),
    Hostile(
        "tar: a device",
        lambda: tar_of((EX2, tarfile.CHRTYPE, b""), (EX1, tarfile.REGTYPE, b"x")),
        "no plain file",
        file="eve.tar.gz",
    ),
    Hostile(
        "tar: a bomb",
        lambda: tar_of(("a.bin", tarfile.REGTYPE, bytes(30 * MIB)), (EX1, tarfile.REGTYPE, b"x")),
        "too much",
        "",
        file="eve.tar.gz",
    ),
    Hostile(
        "tar: cut off",
        lambda: tar_of((EX1, tarfile.REGTYPE, NOISE[:5000]))[:2000],
        "broken",
        "",
        file="eve.tgz",
    ),
    Hostile(
        "tar: folders without end",
        lambda: tar_of(*((f"d{n}", tarfile.DIRTYPE, b"") for n in range(600)), (EX1, tarfile.REGTYPE, b"x")),
        "too many files",
        "",
        file="eve.tar.gz",
    ),
    Hostile("tar: a header without end", long_header, "header in it is too long", "", file="eve.tgz"),
    Hostile("tar: none", lambda: b"x = 1\n" * 500, "no tar archive", "", file="eve.tar"),
)


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: case.name)
@pytest.mark.parametrize("in_zip", [False, True], ids=["in a folder", "in a zip"])
def test_a_hostile_archive_costs_nobody_else(case: Hostile, in_zip: bool, tmp_path: Path, lesson: Lesson) -> None:
    files: Files = {f"ann_1_2_{EX1}": X, f"eve_3_4_{case.file}": case.make(), "zoe_5_6_hw.zip": zipped({EX1: X})}
    root = plant(tmp_path / "root", {"all.zip": files} if in_zip else files)
    before = set(Path("/tmp").glob("up*.py"))
    with find_submissions([root], lesson, SMALL) as found:
        read = taken(found)
        assert (read["ann_1"], read["zoe_5"], read["eve_3"]) == ("1", "1", case.read), found
        told = " | ".join(f"{entry.path.name}: {entry.why}" for entry in found.not_taken if entry.beside == "eve_3")
        assert case.says in told
        eve = next(submission for submission in found.submissions if submission.name == "eve_3")
        assert case.says in " | ".join(eve.notes) or case.read, eve.notes
    assert set(Path("/tmp").glob("up*.py")) == before
    assert not (tmp_path / "up.py").exists()


def test_an_archive_that_takes_too_long_is_refused_and_the_next_is_read(tmp_path: Path, lesson: Lesson) -> None:
    files: Files = {"eve.tar.gz": {f"{n}.py": X for n in range(2)}, "zoe.tar.gz": {EX1: X}}
    at_once = replace(SMALL, seconds=0.0, run_seconds=0.0)
    with find_submissions([plant(tmp_path / "root", files)], lesson, at_once) as found:
        assert taken(found) == {"eve": "", "zoe": ""}
        assert all("it takes too long to unpack" in one.notes[0] for one in found.submissions)


def test_whatever_a_format_reader_raises_costs_that_archive_alone(
    tmp_path: Path, lesson: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = zipfile.ZipFile

    def faulty(file: IO[bytes]) -> zipfile.ZipFile:
        file.seek(0)
        if file.read(2) == b"!!":
            raise RecursionError("too deep")
        file.seek(0)
        return opened(file)

    files: Files = {"eve.zip": b"!!", "zoe.zip": zipped({EX1: X})}
    root = plant(tmp_path / "root", files)
    monkeypatch.setattr(zipfile, "ZipFile", faulty)
    with find_submissions([root], lesson) as found:
        assert taken(found) == {"eve": "", "zoe": "1"}
        assert "too deep" in found.submissions[0].notes[0]


def test_a_bomb_within_a_bomb_is_not_unpacked(tmp_path: Path, lesson: Lesson, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    inner = zip_of(*((f"{n}.py", NOISE[n:]) for n in range(2)))
    bomb = zip_of(*((f"{n}.zip", inner) for n in range(20)))
    files: Files = {"eve_3_4_b.zip": bomb, f"ann_1_2_{EX1}": X}
    root = plant(tmp_path / "root", files)
    with find_submissions([root], lesson, SMALL) as found:
        assert taken(found) == {"ann_1": "1", "eve_3": ""}
        held = sum(path.stat().st_size for path in tmp_path.rglob("*.py") if root not in path.parents)
        assert held == 0


def test_archives_that_were_refused_take_no_room_from_others(tmp_path: Path, lesson: Lesson) -> None:
    bomb = zip_of(*((f"{n}.py", NOISE) for n in range(4)))
    files: Files = {**{f"eve{n}_{n}_4_b.zip": bomb for n in range(30)}, "zoe_99_6_hw.zip": {EX1: X}}
    with find_submissions([plant(tmp_path / "root", files)], lesson, SMALL) as found:
        assert taken(found)["zoe_99"] == "1"


def test_of_a_class_that_is_too_large_what_fits_is_read(tmp_path: Path, lesson: Lesson) -> None:
    files = [(f"s{n:02}_{n}_1_{EX1}", NOISE) for n in range(30)]
    (tmp_path / "all.zip").write_bytes(zip_of(*files))
    with find_submissions([tmp_path / "all.zip"], lesson, SMALL) as found:
        assert len(found.submissions) == 20
        assert "there is room for 20 MiB in all" in found.not_taken[-1].why


NAMES = (
    ("UTF-8 with its flag", zip_of((f"Zoë/{EX1}", b"x")), "Zoë"),
    ("UTF-8 without it", patched(zip_of((f"Zo__/{EX1}", b"x")), b"Zo__", "Zoë".encode()), "Zoë"),
    ("cp437", patched(zip_of((f"Zo_/{EX1}", b"x")), b"Zo_", "Zoë".encode("cp437")), "Zoë"),
    ("backslashes", zip_of((f"Zoe\\hw\\{EX1}", b"x")), "Zoe"),
    ("dots and doubled slashes", zip_of((f"./Zoe//./{EX1}", b"x")), "Zoe"),
    ("a long name", zip_of(("a" * 250 + ".py", b"x"), ("b.py", b"x")), "a" * 250),
)


@pytest.mark.parametrize(("data", "name"), [case[1:] for case in NAMES], ids=[case[0] for case in NAMES])
def test_names_in_archives_are_read_as_they_were_meant(data: bytes, name: str, tmp_path: Path, lesson: Lesson) -> None:
    (tmp_path / "all.zip").write_bytes(data)
    with find_submissions([tmp_path / "all.zip"], lesson) as found:
        assert name in {submission.name for submission in found.submissions}
        assert all(path.read_bytes() == b"x" for submission in found.submissions for path in submission.all_files())


def test_names_in_the_field_for_unicode_are_read(tmp_path: Path, lesson: Lesson) -> None:
    raw = f"Zo_/{EX1}".encode()
    path = f"Zoë/{EX1}".encode()
    field = b"\x01" + struct.pack("<I", zlib.crc32(raw)) + path
    info = entry(raw.decode())
    info.extra = struct.pack("<HH", 0x7075, len(field)) + field
    (tmp_path / "all.zip").write_bytes(zip_of((info, b"x")))
    with find_submissions([tmp_path / "all.zip"], lesson) as found:
        assert [submission.name for submission in found.submissions] == ["Zoë"]


def test_a_zip64_archive_is_read(tmp_path: Path, lesson: Lesson) -> None:
    with (
        zipfile.ZipFile(tmp_path / "all.zip", "w") as archive,
        archive.open(f"ann/{EX1}", "w", force_zip64=True) as file,
    ):
        file.write(b"x")
    data = bytearray((tmp_path / "all.zip").read_bytes())
    at = data.index(b"PK\x05\x06")
    size, start = struct.unpack_from("<II", data, at + 12)
    end64 = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, size, start)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, at, 1)
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    (tmp_path / "all.zip").write_bytes(bytes(data[:at]) + end64 + locator + tail)
    with find_submissions([tmp_path / "all.zip"], lesson) as found:
        assert taken(found) == {"ann": "1"}


# The temporary folder


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which temporary folders are made."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_what_was_unpacked_is_removed_with_the_result(scratch: Path, tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path / "root", {"ann.zip": {EX1: X}})
    with find_submissions([root], lesson) as found:
        assert [path.is_file() for path in found.submissions[0].all_files()] == [True]
        assert len(list(scratch.iterdir())) == 1
    assert list(scratch.iterdir()) == []


def test_a_path_that_is_wrong_leaves_nothing_behind(scratch: Path, tmp_path: Path, lesson: Lesson) -> None:
    root = plant(tmp_path / "root", {"ann.zip": {EX1: X}})
    with pytest.raises(KitError, match="there is no"):
        find_submissions([root, root / "gone"], lesson)
    assert list(scratch.iterdir()) == []


def test_folders_alone_need_no_temporary_folder(scratch: Path, tmp_path: Path, lesson: Lesson) -> None:
    with find_submissions([plant(tmp_path / "root", {f"ann/{EX1}": X, "bob/a.zip": b"broken"})], lesson):
        assert list(scratch.iterdir()) == []


def test_the_folder_of_a_run_that_was_killed_is_removed_by_the_next(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        "import os, sys; from grader.downloads.workspace import Workspace; w = Workspace(); w.place('a'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False, env={**os.environ, "TMPDIR": str(scratch)})
    (left,) = scratch.iterdir()
    alive = Workspace()
    other = alive.place("b").parent.parent
    assert left.is_dir()  # it may have been made just now
    monkeypatch.setattr(time, "time", lambda: 1e12)
    remove_left_behind()
    assert list(scratch.iterdir()) == [other]
    alive.close()
    assert list(scratch.iterdir()) == []


def test_a_machine_without_room_is_no_students_fault(
    tmp_path: Path, lesson: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    root = plant(tmp_path / "root", {"ann.zip": {EX1: X}})
    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(KitError, match="No space left on device") as raised:
        find_submissions([root], lesson)
    assert raised.value.exit_code == KIT_FAULT


def test_a_class_in_a_zip_is_graded_by_the_command_line(scratch: Path, tmp_path: Path) -> None:
    files: Files = {
        f"doejane_LATE_12_34_{EX1}": FILLED,
        "roejohn_13_36_hw.zip": {f"hw/{EX1}": FILLED, "hw/a.pdf": "x"},
        "poe_14_37_hw.zip": b"broken",
        "anon_aB3_38_work.py": FILLED,
        "loose.rar": b"Rar!",
    }
    plant(tmp_path, {"all.zip": files})
    arguments = ("grade", tmp_path / "all.zip", "--out", tmp_path / "out", "--seed", "1", "--no-mends", "--jobs", "1")
    first = run_grader(*arguments)
    assert first.returncode == 0, first.stdout + first.stderr
    said = first.stdout.splitlines()
    assert any("from Canvas 4 (1 late, 1 anonymous)" in line for line in said)
    assert f"not a submission: {tmp_path}/all.zip/loose.rar (a .rar archive; unpack it first)" in said
    assert f"full file list: {tmp_path}/out/taken.txt" in said
    assert "not read: " in (tmp_path / "out" / "taken.txt").read_text(encoding="utf-8")
    results = {
        path.parent.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("out/submissions/*/results.json")
    }
    assert set(results) == {"doejane_12", "roejohn_13", "poe_14", "anon_aB3"}
    assert '"late": true' in results["doejane_12"]
    assert '"identity"' in results["anon_aB3"]
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not [path for path in written if str(scratch) in path.read_text(encoding="utf-8", errors="replace")]
    again = run_grader(*arguments)
    assert "4 of them unchanged" in " ".join(again.stdout.split())  # nothing hangs on where it was unpacked
    assert {
        p.parent.name: p.read_text(encoding="utf-8") for p in tmp_path.glob("out/submissions/*/results.json")
    } == results
    assert list(scratch.iterdir()) == []


def test_ctrl_c_leaves_nothing_behind(scratch: Path, tmp_path: Path) -> None:
    solution = (ROOT / "solutions" / "mlp" / EX1).read_text(encoding="utf-8")
    (tmp_path / "all.zip").write_bytes(zipped({f"s{n}/{EX1}": solution for n in range(30)}))
    when = tmp_path / "out" / "submissions" / "s0" / "results.json"
    code, output = interrupted(("grade", tmp_path / "all.zip", "--out", tmp_path / "out", "--jobs", "1"), when)
    assert code == STOPPED, output
    assert "Traceback" not in output
    assert list(scratch.iterdir()) == []
