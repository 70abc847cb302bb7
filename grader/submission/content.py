"""The bytes of a student's file -> its text; or what they are instead, and what to do about it."""

from __future__ import annotations

import codecs
import io
import tokenize
from pathlib import Path

from grader.submission.bounds import MAX_BYTES, MAX_NOTEBOOK_BYTES

_MARKS = (  # of byte orders; the longer ones first, for one begins with another
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SIGNATURES = (  # how files begin that are no text
    (b"PK\x03\x04", "a zip archive or an Office document"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"%PDF", "a PDF"),
    (b"{\\rtf", "an RTF document"),
    (b"\xd0\xcf\x11\xe0", "an Office document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x7fELF", "a program"),
)
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<?xml")
_HEAD = 4096  # bytes that show what a file is
_SLOW = frozenset({"idna", "punycode"})  # quadratic, and nobody's encoding of a file


class Unreadable(Exception):
    """A file that cannot be read: which, what it is and what to do, for the student. is_empty: nothing is in it."""

    def __init__(self, message: str, *, is_empty: bool = False) -> None:
        super().__init__(message)
        self.is_empty = is_empty


def source_text(name: str, data: bytes) -> str:
    """The text of a .py file, decoded as Python does, and UTF-16 by its mark as well. Raises Unreadable."""
    _refuse_other_kinds(name, data, "a .py file")
    if _looks_like_a_notebook(data):
        raise Unreadable(f"{name} is a notebook, not a .py file: name it .ipynb")
    encoding = _marked(data) or ("utf-16" if _looks_like_utf_16(data) else "")
    if not encoding and b"\0" in data:
        raise Unreadable(f"{name} is not text (it has NUL bytes): hand in the .py file, saved as UTF-8")
    if encoding == "utf-16" and not _marked(data):
        raise Unreadable(f"{name} is UTF-16 without a byte order mark: save it as UTF-8")
    text = _decoded(name, data, encoding or _declared(name, data))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def shown_text(path: Path) -> str:
    """What a page shows of a file, decoded as it is read for judging; '' for what is larger or no text. OSError."""
    is_notebook = path.suffix.lower() == ".ipynb"
    if path.stat().st_size > (MAX_NOTEBOOK_BYTES if is_notebook else MAX_BYTES):
        return ""
    data = path.read_bytes()
    try:
        return notebook_bytes(path.name, data).decode("utf-8", "replace") if is_notebook else source_text("", data)
    except Unreadable:
        return ""


def notebook_bytes(name: str, data: bytes) -> bytes:
    """A notebook's JSON in UTF-8. Raises Unreadable for what is no JSON object at all."""
    _refuse_other_kinds(name, data, "a notebook")
    encoding = _marked(data)
    if encoding:
        data = _decoded(name, data, encoding).encode("utf-8", "replace")
    data = data.removeprefix(codecs.BOM_UTF8)
    head = data[:_HEAD].lstrip()
    if head[:1] != b"{":
        what = "JSON, but not a notebook" if head[:1] in (b"[", b'"') else "not a notebook"
        raise Unreadable(f"{name} is {what}: hand in the .ipynb file that Jupyter or Colab saves")
    return data


def _refuse_other_kinds(name: str, data: bytes, wanted: str) -> None:
    head = data[:_HEAD].removeprefix(codecs.BOM_UTF8).lstrip()
    if not data.strip():
        raise Unreadable(f"{name} is empty: save your work and hand it in again", is_empty=True)
    for signature, what in _SIGNATURES:
        if data.startswith(signature):
            raise Unreadable(f"{name} is {what}, not {wanted}: hand in {wanted}")
    if head.lower().startswith(_PAGES):
        raise Unreadable(f"{name} is a web page, perhaps a login page, not {wanted}: download {wanted} itself")


def _looks_like_a_notebook(data: bytes) -> bool:
    head = data[: 4 * _HEAD]
    return head.lstrip()[:1] == b"{" and b'"cell' in head and (b'"source"' in head or b'"nbformat' in head)


def _marked(data: bytes) -> str:
    """The encoding that a byte order mark says; '' for none."""
    return next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "")


def _looks_like_utf_16(data: bytes) -> bool:
    """Whether every other byte is zero, as in UTF-16 of letters that ASCII has."""
    head = data[:_HEAD]
    few, many = sorted((head[::2].count(0), head[1::2].count(0)))
    return many > len(head) // 3 and few < len(head) // 10


def _declared(name: str, data: bytes) -> str:
    """The encoding that the file's first lines declare, as Python reads them; UTF-8 without."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as problem:
        if "unknown encoding" in str(problem):
            word = str(problem.msg).rpartition(":")[2].strip()
            raise Unreadable(f"{name} declares an unknown encoding ({word[:40]}): save it as UTF-8") from None
        return "utf-8"  # its first lines are no UTF-8; decoding says where
    if encoding in _SLOW:
        raise Unreadable(f"{name} declares the encoding {encoding}: save it as UTF-8")
    return encoding


def _decoded(name: str, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        byte, line = data[error.start], data.count(b"\n", 0, error.start) + 1
        shown = encoding.upper().removesuffix("-SIG")
        raise Unreadable(f"{name} is not {shown} (byte 0x{byte:02X} at line {line}): save it as UTF-8") from None
    except (UnicodeError, LookupError):
        raise Unreadable(f"{name} cannot be decoded as {encoding[:40]}: save it as UTF-8") from None
