"""A folder of files as a tree of plain data: what is there, what can be read, and why not. Links are not followed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

# What systems and tools leave behind, and nobody hands in.
JUNK = frozenset({"__pycache__", "__MACOSX", "node_modules", "Thumbs.db", "desktop.ini", "venv", "site-packages"})
JUNK_SUFFIXES = (".pyc", ".pyo")
DEEPEST = 100  # folders within folders
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2")
PACKED = (".rar", ".7z", ".tar.xz", ".txz", ".gz", ".bz2", ".xz", ".zst")  # archives that are not read here

METADATA = "submission_metadata.yml"  # Gradescope's list of who handed in what
_RECEIPT = "_attempt_"

ENVIRONMENTS = frozenset({"pyvenv.cfg", "conda-meta"})
_OF_AN_ENVIRONMENT = frozenset(
    {"bin", "include", "lib", "lib64", "share", "Scripts", "Include", "Lib", "Library", "etc"}
)
RUN_MARK = ".grader"  # in the folder that a class run writes
_OF_A_RUN = frozenset({"submissions", "feedback", "grades.csv", "index.html", "changes.csv", "taken.txt"})

LINK = "a link"
OF_A_RUN = "the results of an earlier run"
BY_A_TOOL = "left behind by a tool"

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


def is_read(name: str) -> bool:
    """Whether the kit reads a file of this name, so that it has to be unpacked."""
    return suffix_of(name) in SOURCES or name == METADATA or name.lower().endswith(".toml") or is_receipt(name)


def is_receipt(name: str) -> bool:
    """Whether it is what Blackboard writes about an attempt: its prefix and .txt, without a name of the student's."""
    return _RECEIPT in name and name.rpartition("_")[2][:4].isdigit() and name.endswith(".txt")


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
    return Node(name, shown, "junk", why=BY_A_TOOL)


def folder_node(name: str, shown: Path, path: Path | None, children: tuple[Node, ...], is_named: bool = False) -> Node:
    """A folder, unless a tool made it: a virtual environment, or what an earlier run wrote.

    A student's own files beside make it a student's folder, of which only the tool's part is left
    out; so does `is_named`: a person gave its path.
    """
    names = {child.name for child in children}
    has_sources = any(child.is_source for child in children)
    if names & ENVIRONMENTS:
        if not has_sources and not is_named:
            return junk(name, shown)
        children = tuple(
            _as_junk(child, BY_A_TOOL) if child.name in _OF_AN_ENVIRONMENT else child for child in children
        )
    if RUN_MARK in names and path:
        if not has_sources and not is_named:
            return Node(name, shown, "junk", why=OF_A_RUN)
        children = tuple(_as_junk(child, OF_A_RUN) if child.name in _OF_A_RUN else child for child in children)
    return Node(name, shown, "folder", path, children)


def _as_junk(node: Node, why: str) -> Node:
    return Node(node.name, node.shown, "junk", why=why)


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
    archives = sum(suffix_of(entry.name) in ARCHIVES for entry in entries)
    is_tools = not ENVIRONMENTS.isdisjoint(entry.name for entry in entries)
    children = tuple(
        junk(entry.name, path / entry.name)  # thousands of files that nobody wrote
        if is_tools and entry.name in _OF_AN_ENVIRONMENT
        else _child(path / entry.name, entry, unpack, archives, depth, links)
        for entry in entries
    )
    return folder_node(name, path, path, children, is_named=depth == 0)


def _child(path: Path, entry: os.DirEntry[str], unpack: Unpack | None, archives: int, depth: int, links: bool) -> Node:
    try:
        if is_junk(entry.name):
            return junk(entry.name, path)
        if entry.is_symlink() and not (links and path.is_file()):
            return refused(entry.name, path, LINK)
        if entry.is_dir(follow_symlinks=False):
            if depth >= DEEPEST:
                return refused(entry.name, path, "a folder nested too deeply")
            return _folder(path, unpack, depth + 1, links)
        if entry.is_file(follow_symlinks=links):
            return _file(path, unpack, archives)
    except (OSError, ValueError) as error:
        return refused(entry.name, path, f"it cannot be read: {error}")
    return refused(entry.name, path, "no plain file")


def _file(path: Path, unpack: Unpack | None, archives: int) -> Node:
    name = _name(path)
    if unpack and suffix_of(name) in ARCHIVES:
        return unpack(path, archives)
    return leaf(name, path, path)


def _name(path: Path) -> str:
    """The name of a folder or file, also where it was given as `.`."""
    return path.name if path.name not in ("", "..") else path.resolve().name
