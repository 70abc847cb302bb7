"""Zip archives: entries, their names in the encoding they were written in, and what is no plain file."""

from __future__ import annotations

import calendar
import stat
import struct
import zipfile
import zlib
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, cast

from grader.downloads.entries import ArchiveError, Entries, Entry, Limits
from grader.downloads.tree import LINK

_LONGEST_READ = 1 << 20  # bytes that zipfile may ask for at once, or more where there may be many entries
_BYTES_AN_ENTRY = 300  # of the list of entries, with a long name and its dates
# Deflate is what every tool writes. The others can be made to take memory without bounds.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UTF8, _ENCRYPTED = 0x800, 0x1
_UNICODE_PATH = 0x7075
_MAGIC = {b"Rar!": "RAR", b"7z\xbc\xaf": "7z", b"\x1f\x8b": "gzip"}


class _Bounded:
    """A file of which only so much is read at once: zipfile reads a list of entries of any length into memory."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file = file
        self._most = most
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close

    def read(self, size: int = -1) -> bytes:
        if size > self._most:
            raise ArchiveError("its list of entries is too long")
        return self._file.read(self._most if size < 0 else size)


def zip_entries(path: Path, limits: Limits) -> Entries:
    """The entries of a zip. Raises ArchiveError for what is made to do harm; zipfile may raise anything else."""
    with path.open("rb") as file:
        _check_magic(file)
        bounded = _Bounded(file, max(_LONGEST_READ, _BYTES_AN_ENTRY * limits.entries))
        try:
            archive = zipfile.ZipFile(cast(IO[bytes], bounded))
        except UnicodeDecodeError:
            raise ArchiveError("a name in it is said to be UTF-8 and is not") from None
        with archive:
            infos = archive.infolist()
            if sum(info.compress_size for info in infos) > path.stat().st_size:
                raise ArchiveError("its entries overlap, as in a zip bomb")
            for info in infos:
                limits.check()
                opener = partial(archive.open, info)
                yield Entry(
                    _name(info), info.file_size, info.compress_size, _why_not(info), opener, _time(info), info.is_dir()
                )


def _check_magic(file: IO[bytes]) -> None:
    start = file.read(4)
    for magic, called in _MAGIC.items():
        if start.startswith(magic):
            raise ArchiveError(f"a {called} archive under the name of another; unpack it first")


def _time(info: zipfile.ZipInfo) -> float:
    with suppress(ValueError, OverflowError):
        return float(calendar.timegm(info.date_time))
    return 0.0


def _why_not(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if "\0" in info.orig_filename:
        return "its name holds a NUL"
    if kind == stat.S_IFLNK:
        return LINK
    if kind not in (0, stat.S_IFREG):
        return "no plain file"
    if info.flag_bits & _ENCRYPTED:
        return "encrypted; ask for it without a password"
    if info.compress_type not in _METHODS:
        return f"compressed in a way that is not read (method {info.compress_type}); zip it again"
    return ""


def _name(info: zipfile.ZipInfo) -> str:
    """The name as it was meant: by its Unicode field, by the flag, as UTF-8 without the flag, else cp437."""
    if info.flag_bits & _UTF8:
        return info.orig_filename
    raw = info.orig_filename.encode("cp437", "replace")
    named = _unicode_path(info.extra, raw)
    if named:
        return named
    with suppress(UnicodeDecodeError):
        return raw.decode("utf-8")
    return info.orig_filename


def _unicode_path(extra: bytes, raw: bytes) -> str:
    """The name in Info-ZIP's extra field, if it belongs to this name; else ''."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and len(field) > 5 and struct.unpack_from("<I", field, 1)[0] == zlib.crc32(raw):
            with suppress(UnicodeDecodeError):
                return field[5:].decode("utf-8")
    return ""
