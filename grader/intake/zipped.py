"""Zip archives: entries, their names in the encoding they were written in, and what is no plain file."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from contextlib import suppress
from functools import partial
from pathlib import Path

from grader.intake.entries import ArchiveError, Entries, Entry
from grader.intake.tree import LINK

_END = b"PK\x05\x06"
_END64 = b"PK\x06\x06"
_END_SIZE = 22
_LONGEST_COMMENT = (1 << 16) - 1
_LONGEST_DIRECTORY = 64 << 20  # bytes of the list of entries, which is read into memory as a whole
# Deflate is what every tool writes. The others can be made to take memory without bounds.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UTF8, _ENCRYPTED = 0x800, 0x1
_UNICODE_PATH = 0x7075
_MAGIC = {b"Rar!": "RAR", b"7z\xbc\xaf": "7z", b"\x1f\x8b": "gzip"}


def zip_entries(path: Path) -> Entries:
    """The files in a zip. Raises ArchiveError for what is none, or is made to do harm."""
    _check_directory(path)
    try:
        archive = zipfile.ZipFile(path)
    except UnicodeDecodeError:
        raise ArchiveError("a name in it is said to be UTF-8 and is not") from None
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error, OverflowError) as error:
        raise ArchiveError(f"no zip archive, or a broken one ({error}); unpack it first") from None
    with archive:
        infos = archive.infolist()
        if sum(info.compress_size for info in infos) > path.stat().st_size:
            raise ArchiveError("its entries overlap, as in a zip bomb")
        for info in infos:
            if not info.is_dir():
                opener = partial(archive.open, info)
                yield Entry(_name(info), info.file_size, info.compress_size, _why_not(info), opener)


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


def _check_directory(path: Path) -> None:
    """Reads from the archive's end how long its list of entries is: zipfile would read any length."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - _END_SIZE - _LONGEST_COMMENT - 76))  # 76: the zip64 records before it
            tail = file.read()
    except OSError as error:
        raise ArchiveError(f"it cannot be read: {error.strerror}") from None
    for magic, called in _MAGIC.items():
        if start.startswith(magic):
            raise ArchiveError(f"a {called} archive under the name of another; unpack it first")
    at, at64 = tail.rfind(_END), tail.rfind(_END64)
    size = struct.unpack_from("<I", tail, at + 12)[0] if 0 <= at <= len(tail) - _END_SIZE else 0
    if 0 <= at64 <= len(tail) - 48 and size == 0xFFFFFFFF:
        size = struct.unpack_from("<Q", tail, at64 + 40)[0]
    if size > _LONGEST_DIRECTORY:
        raise ArchiveError("its list of entries is too long")
