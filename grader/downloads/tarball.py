"""Tar archives, plain or compressed, read as a stream. Nothing is extracted under a name of the archive's choice."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import tarfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, cast

from grader.downloads.entries import ArchiveError, Entries, Entry, Limits
from grader.downloads.tree import LINK

_LONGEST_HEADER = 8 << 10  # bytes of an extended header, which tarfile reads and searches as a whole
_PLAIN = (*tarfile.REGULAR_TYPES, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE)
_SPECIAL = (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)


class _Counted:
    """A stream that ends with an error after so many bytes, or so long: a header can claim any length."""

    def __init__(self, file: IO[bytes], limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self._left = limits.bytes

    def read(self, size: int) -> bytes:
        self._limits.check()
        data = self._file.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise ArchiveError("it unpacks to too much")
        return data


class _Member(tarfile.TarInfo):
    """A member whose extended headers are short."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo | None:
        if self.type not in (*_PLAIN, *_SPECIAL) and self.size > _LONGEST_HEADER:
            raise ArchiveError("a header in it is too long")
        member: tarfile.TarInfo | None = super()._proc_member(archive)  # type: ignore[misc]
        return member


def tar_entries(path: Path, limits: Limits) -> Entries:
    """The entries of a tar. Raises ArchiveError, also in its middle; tarfile may raise anything else."""
    lower = path.name.lower()
    with contextlib.ExitStack() as stack:
        raw: IO[bytes] = stack.enter_context(path.open("rb"))
        if lower.endswith(("gz", "tgz")):
            raw = cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=raw)))
        elif lower.endswith("bz2"):
            raw = stack.enter_context(bz2.BZ2File(raw))
        counted = cast(IO[bytes], _Counted(raw, limits))
        archive = stack.enter_context(tarfile.open(fileobj=counted, mode="r|", tarinfo=_Member))
        for member in archive:
            opener = partial(_open, archive, member)
            yield Entry(
                member.name, member.size, None, _why_not(member), opener, float(member.mtime), is_folder=member.isdir()
            )
            archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every member it has seen


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
