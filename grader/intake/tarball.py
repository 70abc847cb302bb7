"""Tar archives, plain or compressed, read as a stream. Nothing is extracted under a name of the archive's choice."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import tarfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, cast

from grader.intake.entries import ArchiveError, Entries, Entry
from grader.intake.tree import LINK

_BROKEN = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError)


class _Counted:
    """A stream that ends with an error after so many bytes: a header can claim any length."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file = file
        self._left = most

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise ArchiveError("it unpacks to too much")
        return data


def tar_entries(path: Path, most: int) -> Entries:
    """The files in a tar, which may unpack to `most` bytes. Raises ArchiveError, also in its middle."""
    lower = path.name.lower()
    try:
        with contextlib.ExitStack() as stack:
            raw: IO[bytes] = stack.enter_context(path.open("rb"))
            if lower.endswith(("gz", "tgz")):
                raw = cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=raw)))
            elif lower.endswith("bz2"):
                raw = stack.enter_context(bz2.BZ2File(raw))
            counted = cast(IO[bytes], _Counted(raw, most))
            archive = stack.enter_context(tarfile.open(fileobj=counted, mode="r|"))
            for member in archive:
                if not member.isdir():
                    yield Entry(member.name, member.size, None, _why_not(member), partial(_open, archive, member))
                archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every member it has seen
    except _BROKEN as error:
        raise ArchiveError(f"no tar archive, or a broken one ({error}); unpack it first") from None


def _why_not(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return LINK
    return "" if member.isfile() else "no plain file"


@contextlib.contextmanager
def _open(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[IO[bytes]]:
    file = archive.extractfile(member)
    if file is None:
        raise ArchiveError("no plain file")
    with file:
        yield file
