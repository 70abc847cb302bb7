"""A folder of files as a tree of plain data: what is there, what can be read, and why not. Links are not followed."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from grader.intake import metadata

# What systems and tools leave behind, and nobody hands in.
JUNK = frozenset({"__pycache__", "__MACOSX", "node_modules", "Thumbs.db", "desktop.ini", "venv", "site-packages"})
JUNK_SUFFIXES = (".pyc", ".pyo")
DEEPEST = 100  # folders within folders
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2")
PACKED = (".rar", ".7z", ".tar.xz", ".txz", ".gz", ".bz2", ".xz", ".zst")  # archives that are not read here

LINK = "a link"

Kind = Literal["file", "folder", "other", "junk", "refused", "unreadable"]
Unpack = Callable[[Path, int], "Node"]  # an archive's file, and how many archives lie in its folder


@dataclass(frozen=True)
class Node:
    """A file or a folder. `file`: one that is read; `other`: one that nothing reads, with the reason in `why`."""

    name: str
    shown: Path  # as a person would name it: submissions.zip/ann/ex1_chain.py
    kind: Kind
    path: Path | None = None  # where its bytes lie, for a `file`
    children: tuple[Node, ...] = ()
    why: str = ""
    is_archive: bool = False

    @property
    def stem(self) -> str:
        """The name without what says the format."""
        suffix = suffix_of(self.name)
        return self.name[: len(self.name) - len(suffix)] if self.is_archive or self.kind != "folder" else self.name

    @property
    def is_source(self) -> bool:
        return self.kind == "file" and suffix_of(self.name) in SOURCES

    @property
    def is_notebook(self) -> bool:
        return self.kind == "file" and suffix_of(self.name) == ".ipynb"


SOURCES = (".py", ".py.txt", ".ipynb")
_SUFFIXES = (*SOURCES, *(suffix for suffix in (*ARCHIVES, *PACKED) if suffix.count(".") > 1))


@lru_cache(maxsize=1 << 16)
def suffix_of(name: str) -> str:
    """`.py`, `.tar.gz`: what says the format, in lower case."""
    lower = name.lower()
    double = [suffix for suffix in _SUFFIXES if lower.endswith(suffix) and lower != suffix]
    return max(double, key=len) if double else Path(lower).suffix


def is_junk(name: str) -> bool:
    """Whether nobody hands this in: hidden, compiled, or left behind by a tool."""
    is_hidden = name.startswith(".") and not name.startswith("..")  # three dots begin a name that a person gave
    return is_hidden or name in JUNK or name.lower().endswith(JUNK_SUFFIXES)


def is_environment(names: Collection[str]) -> bool:
    """Whether a folder of these files is a virtual environment, and no student's folder that holds such a file, too."""
    return "pyvenv.cfg" in names and not any(suffix_of(name) in SOURCES for name in names)


def is_read(name: str) -> bool:
    """Whether the kit reads a file of this name, so that it has to be unpacked."""
    return suffix_of(name) in SOURCES or name == metadata.FILE or name.lower().endswith((".toml",))


def why_not_read(name: str) -> str:
    """What is said about a file that nothing reads."""
    suffix = suffix_of(name)
    if suffix in (*ARCHIVES, *PACKED):
        return f"a {suffix} archive; unpack it first"
    if name.lower().endswith((".ipynb.txt", ".ipynb.json")):
        return "a notebook under another name? rename it to .ipynb"
    return "neither .py nor .ipynb"


def leaf(name: str, shown: Path, path: Path) -> Node:
    """A plain file that is no archive."""
    if is_junk(name):
        return junk(name, shown)
    return Node(name, shown, "file", path) if is_read(name) else Node(name, shown, "other", why=why_not_read(name))


def junk(name: str, shown: Path) -> Node:
    return Node(name, shown, "junk", why="left behind by a tool")


def refused(name: str, shown: Path, why: str) -> Node:
    return Node(name, shown, "refused", why=why)


def read_tree(path: Path, unpack: Unpack | None = None, links: bool = False) -> Node:
    """The file or folder at `path`, which may be a link itself. Without `unpack`, archives are files nobody reads.

    With `links`, for somebody's own folder, a link is the file that it leads to.
    """
    return _folder(path, unpack, 0, links) if path.is_dir() else _file(path, unpack, 1)


def _folder(path: Path, unpack: Unpack | None, depth: int, links: bool = False) -> Node:
    name = _name(path)
    try:
        with os.scandir(path) as found:  # says what each entry is, without a look at every file
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        return Node(name, path, "unreadable", why=f"the folder cannot be read: {error.strerror}")
    if is_environment([entry.name for entry in entries]):
        return junk(name, path)
    return Node(name, path, "folder", path, tuple(_children(path, entries, unpack, depth, links)))


def _children(
    folder: Path, entries: list[os.DirEntry[str]], unpack: Unpack | None, depth: int, links: bool
) -> Iterator[Node]:
    archives = sum(suffix_of(entry.name) in ARCHIVES for entry in entries)
    for entry in entries:
        path = folder / entry.name
        if is_junk(entry.name):
            yield junk(entry.name, path)
        elif entry.is_symlink() and not (links and path.is_file()):
            yield refused(entry.name, path, LINK)
        elif entry.is_dir(follow_symlinks=False):
            too_deep = depth >= DEEPEST
            yield (
                refused(entry.name, path, "a folder nested too deeply")
                if too_deep
                else _folder(path, unpack, depth + 1, links)
            )
        elif entry.is_file(follow_symlinks=links):
            yield _file(path, unpack, archives)
        else:
            yield refused(entry.name, path, "no plain file")


def _file(path: Path, unpack: Unpack | None, archives: int) -> Node:
    name = _name(path)
    if unpack and suffix_of(name) in ARCHIVES:
        return unpack(path, archives)
    return leaf(name, path, path)


def _name(path: Path) -> str:
    """The name of a folder or file, also where it was given as `.`."""
    return path.name if path.name not in ("", "..") else path.resolve().name
