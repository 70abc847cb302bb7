"""An archive -> a tree, within caps. What is refused stands in the tree with the reason, and the rest goes on.

Only what the kit reads is written to the disk, under a path of the kit's own: a name within an
archive is never a path here, so that it cannot lead anywhere.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from grader.downloads.entries import ArchiveError, Entries, Entry, Limits
from grader.downloads.tarball import tar_entries
from grader.downloads.tree import (
    ARCHIVES,
    DEEPEST,
    Node,
    folder_node,
    is_junk,
    is_read,
    junk,
    leaf,
    refused,
    suffix_of,
    why_not_read,
)
from grader.downloads.workspace import Workspace, free_space, no_room
from grader.downloads.zipped import zip_entries

MIB = 1 << 20
_CHUNK = 1 << 16
_DRIVE = re.compile(r"[A-Za-z]:")
_LONGEST_NAME = 1000  # characters of an entry's path
_SHOWN = 60  # of a longer one
_UNENDING = float("inf")


@dataclass(frozen=True)
class Caps:
    """What unpacking may cost. An archive in another one, or in a folder, is one student's as a rule."""

    file_bytes: int = 128 * MIB  # notebooks with all their pictures
    archive_bytes: int = 512 * MIB
    run_bytes: int = 8 << 30
    entries: int = 20_000
    run_entries: int = 500_000
    ratio: int = 200  # text is packed to a tenth, pictures not at all
    small: int = 10 * MIB  # below it, any ratio is harmless
    depth: int = 5  # archives within archives
    seconds: float = 10.0  # of processor time, for one student's archive, with all that is in it
    run_seconds: float = 40.0  # for all archives of a folder


@dataclass
class _Budget:
    """Bytes and entries that are left, here and for all around, and until when."""

    bytes: int
    entries: int
    deadline: float = _UNENDING
    around: _Budget | None = None
    spent: int = 0
    counted: int = 0
    too_much: str = "it unpacks to too much"

    def spend(self, size: int, entries: int = 0) -> None:
        """Raises ArchiveError once there is nothing left."""
        self.bytes -= size
        self.entries -= entries
        self.spent += size
        self.counted += entries
        if self.bytes < 0:
            raise ArchiveError(self.too_much)
        if self.entries < 0:
            raise ArchiveError("it holds too many files")
        self.limits().check()
        if self.around:
            self.around.spend(size, entries)

    def limits(self) -> Limits:
        """What reading one more archive may cost: the least of what is left here and all around."""
        least, entries, around = self.bytes, self.entries, self.around
        while around:
            least, entries, around = min(least, around.bytes), min(entries, around.entries), around.around
        return Limits(least, entries, self.deadline)

    @property
    def is_spent(self) -> bool:
        return self.bytes < 0 or self.entries < 0 or time.process_time() > self.deadline

    def refund(self) -> None:
        """Gives all back to those around: what was unpacked is removed."""
        around = self.around
        while around:
            around.bytes += self.spent
            around.spent -= self.spent
            around.entries += self.counted
            around.counted -= self.counted
            around = around.around


@dataclass
class _Folder:
    """A folder of an archive, as it fills."""

    folders: dict[str, _Folder] = field(default_factory=dict)
    leaves: dict[str, Node] = field(default_factory=dict)
    refused: list[Node] = field(default_factory=list)


class Unpacker:
    """Unpacks the archives of one run."""

    def __init__(self, workspace: Workspace, caps: Caps | None = None) -> None:
        self._caps = caps or Caps()
        self._workspace = workspace
        room = min(self._caps.run_bytes, free_space() // 2)
        self._run = _Budget(room, self._caps.run_entries, too_much=f"there is room for {room // MIB} MiB in all")

    def whole_class(self, path: Path) -> Node:
        """An archive that a person named: it may be as large as a run allows, and loses only what does not fit."""
        return self._unpacked(path, path, self._run, 1)

    def one_of(self, path: Path, archives: int) -> Node:
        """One of so many archives in a folder: refused as a whole where it takes too much from the others."""
        return self._unpacked(path, path, self._share(self._run, 2 * archives), 1)

    def _share(self, around: _Budget, shares: int = 0) -> _Budget:
        """What one student may take; more where there are few that share."""
        caps = self._caps
        size, entries = (around.bytes // shares, around.entries // shares) if shares else (0, 0)
        seconds = max(caps.seconds, caps.run_seconds / shares if shares else 0.0)
        deadline = min(time.process_time() + seconds, around.deadline)
        return _Budget(max(caps.archive_bytes, size), max(caps.entries, entries), deadline, around)

    def _unpacked(self, path: Path, shown: Path, budget: _Budget, depth: int) -> Node:
        top = _Folder()
        try:
            with closing(_entries(path, budget.limits())) as entries:
                for entry in entries:
                    self._take(entry, top, shown, budget, depth)
        except ArchiveError as problem:
            if budget is not self._run and budget.is_spent:
                _remove(_nodes(top, shown))
                budget.refund()
                return refused(shown.name, shown, str(problem))
            if not top.folders and not top.leaves:
                return refused(shown.name, shown, str(problem))
            top.refused.append(refused(shown.name, shown, f"not read to its end: {problem}"))
        return Node(shown.name, shown, "folder", path, tuple(_nodes(top, shown)), is_archive=True)

    def _take(self, entry: Entry, top: _Folder, shown: Path, budget: _Budget, depth: int) -> None:
        """One entry into the tree. Raises ArchiveError when the budget is spent."""
        budget.spend(0, 1)
        if entry.is_folder:
            _make_folder(entry.name, top)
            return
        parts, why = _parts(entry.name)
        name = parts[-1] if parts else "?"
        place = shown.joinpath(*parts)
        folder = top
        if why or entry.why:
            top.refused.append(refused(name, shown / _harmless(entry.name), why or entry.why))
            return
        for number, part in enumerate(parts[:-1]):
            if is_junk(part):
                folder.leaves[part] = junk(part, shown.joinpath(*parts[: number + 1]))
                return
            if part in folder.leaves:
                top.refused.append(refused(name, place, f"{part} is a file and a folder in it"))
                return
            folder = folder.folders.setdefault(part, _Folder())
        if name in folder.folders:
            top.refused.append(refused(name, place, f"{name} is a file and a folder in it"))
            return
        if name in folder.leaves and folder.leaves[name].kind != "junk":
            top.refused.append(refused(name, place, "it stands in the archive twice; the later one counts"))
        folder.leaves[name] = self._leaf(entry, name, place, budget, depth)

    def _leaf(self, entry: Entry, name: str, shown: Path, budget: _Budget, depth: int) -> Node:
        nested = suffix_of(name) in ARCHIVES
        if is_junk(name):
            return junk(name, shown)
        if not is_read(name) and not nested:
            return Node(name, shown, "other", why=why_not_read(name))
        if nested and depth >= self._caps.depth:
            return refused(name, shown, "archives nested too deeply; unpack it first")
        path = self._workspace.place(name)
        why = self._copied(entry, path, budget)
        if why:
            path.unlink(missing_ok=True)
            return refused(name, shown, why)
        if not nested:
            with suppress(OSError, OverflowError, ValueError):
                os.utime(path, (entry.time, entry.time))
            return leaf(name, shown, path)
        try:
            return self._unpacked(path, shown, self._share(budget), depth + 1)
        finally:
            path.unlink(missing_ok=True)

    def _copied(self, entry: Entry, path: Path, budget: _Budget) -> str:
        """Copies an entry's bytes to `path`; why not, or ''. Raises ArchiveError when the budget is spent."""
        caps = self._caps
        most = caps.archive_bytes if suffix_of(path.name) in ARCHIVES else caps.file_bytes
        if entry.packed is not None and entry.size > max(caps.small, caps.ratio * entry.packed):
            return f"it unpacks to more than {caps.ratio} times its size, as a zip bomb does"
        if entry.size > most:
            return f"larger than {most // MIB} MiB"
        size = 0
        try:
            with path.open("xb") as target:
                for chunk in _chunks(entry):
                    size += len(chunk)
                    if size > most:
                        return f"larger than {most // MIB} MiB"
                    budget.spend(len(chunk))
                    target.write(chunk)
        except _EntryError as problem:
            return f"it cannot be unpacked: {problem}"
        except OSError as error:
            raise no_room(error) from None
        return ""


class _EntryError(Exception):
    """One entry that cannot be read."""


def _chunks(entry: Entry) -> Iterator[bytes]:
    """The bytes of an entry. Raises _EntryError, whatever the format's reader says: anyone may have made them."""
    assert entry.open is not None
    try:
        with entry.open() as source:
            while chunk := source.read(_CHUNK):
                yield chunk
    except ArchiveError:
        raise
    except Exception as error:
        raise _EntryError(f"{error}" or type(error).__name__) from None


def _entries(path: Path, limits: Limits) -> Entries:
    """The entries of an archive. Raises ArchiveError, whatever the format's reader raises: anyone may have made it."""
    is_zip = suffix_of(path.name) == ".zip"
    try:
        with closing(zip_entries(path, limits) if is_zip else tar_entries(path, limits)) as entries:
            yield from entries
    except ArchiveError:
        raise
    except Exception as error:
        kind = "zip" if is_zip else "tar"
        raise ArchiveError(
            f"no {kind} archive, or a broken one ({f'{error}'[:100] or type(error).__name__}); unpack it first"
        ) from None


def _make_folder(name: str, top: _Folder) -> None:
    """An empty folder may be all that somebody handed in."""
    parts, why = _parts(name)
    folder = top
    for part in () if why else parts:
        if is_junk(part) or part in folder.leaves:
            return
        folder = folder.folders.setdefault(part, _Folder())


def _parts(name: str) -> tuple[tuple[str, ...], str]:
    """The folders and the name in an entry's path, and why it is refused, or ''. Windows tools write backslashes."""
    slashed = name.replace("\\", "/")
    parts = tuple(part for part in slashed.split("/") if part not in ("", "."))
    if slashed.startswith("/") or _DRIVE.match(slashed):
        return parts, "an absolute path"
    if ".." in parts:
        return parts, "a path that leads out of the archive"
    if not parts:
        return parts, "it has no name"
    if len(name) > _LONGEST_NAME:
        return (f"{parts[-1][:_SHOWN]}...",), f"its name has {len(name)} characters"
    if "\0" in name:
        return parts, "its name holds a NUL"
    return parts, "a folder nested too deeply" if len(parts) > DEEPEST else ""


def _harmless(name: str) -> str:
    """A refused path as it may be shown below the archive's own."""
    return name[:_LONGEST_NAME].replace("\\", "/").replace("\0", "").lstrip("/") or "?"


def _nodes(folder: _Folder, shown: Path) -> Iterator[Node]:
    """The children in the order of their names, as in a folder on the disk; then what was refused."""
    named = {
        **folder.leaves,
        **{name: _folder_node(name, inner, shown / name) for name, inner in folder.folders.items()},
    }
    yield from (named[name] for name in sorted(named))
    yield from folder.refused


def _remove(nodes: Iterable[Node]) -> None:
    """Takes unpacked files away again."""
    for node in nodes:
        if node.kind == "file" and node.path:
            node.path.unlink(missing_ok=True)
        _remove(node.children)


def _folder_node(name: str, inner: _Folder, shown: Path) -> Node:
    return folder_node(name, shown, None, tuple(_nodes(inner, shown)))
