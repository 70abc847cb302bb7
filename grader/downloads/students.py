"""A tree of files -> students, and which files are whose.

What a host's marks claim comes first. Else every folder directly below what was passed is one student, whatever
lies deeper; archives and lone sources beside each other are one student each; a folder passed that itself holds
the lesson's files is one. Names never depend on who else handed in. Within a student's own files no name is
looked at for a host's marks: a student cannot hand in for another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from grader.downloads.hosts import HOSTS, Host, Look
from grader.downloads.identity import Identity
from grader.downloads.names import COPY, meant, original_of
from grader.downloads.tree import ARCHIVES, LINK, OF_A_RUN, PACKED, Node, suffix_of
from grader.downloads.uploads import Upload

EXERCISES = "exercises"
_CLOSED = frozenset(suffix for suffix in (*ARCHIVES, *PACKED) if suffix not in (".gz", ".bz2", ".xz", ".zst"))
_DRIVE_ZIP = re.compile(r"(?P<stem>.+)-[0-9]{8}T[0-9]{6}Z(?:-[0-9]+){0,3}", re.DOTALL)
_LONGEST = 255

Each = Literal["path", "folder", "file"]


@dataclass(frozen=True)
class Expected:
    """What a lesson's files are called: stems of what is asked for, and what is given."""

    lesson: str
    names: tuple[str, ...]
    given: frozenset[str]
    notebook: str = ""


@dataclass(frozen=True)
class NotTaken:
    """A file that is not read, and why. `beside` names the submission that it lies with, '' for none."""

    path: Path
    why: str
    beside: str = ""
    is_junk: bool = False  # left behind by a tool: nobody meant to hand it in


@dataclass(frozen=True)
class Part:
    """A file or folder of a student's, under the student's own name; '' where the folder is the host's."""

    node: Node
    name: str
    order: int = 0  # grows with every upload


@dataclass
class Student:
    """One student, and what is theirs."""

    name: str
    shown: Path
    parts: list[Part] = field(default_factory=list)
    identity: Identity | None = None
    notes: list[str] = field(default_factory=list)
    older: list[tuple[Node, str]] = field(default_factory=list)  # what a newer upload replaced


def students_of(
    trees: Sequence[Node], expected: Expected, each: Each | None = None
) -> tuple[list[Student], list[NotTaken]]:
    """The students in what a person named, and what is nobody's. `each` says by hand what a student is."""
    found: list[Student] = []
    loose: list[NotTaken] = []
    for tree in trees:
        under = _Class(expected, loose)
        under.look_at(tree, len(trees) == 1, each)
        found += under.students
    return list(distinct(found)), loose


def kit_exercises(folder: Node, lesson: str) -> Node | None:
    """The folder of the lesson's exercises, where `folder` is a copy of the whole kit, solutions and tests and all."""
    inner = next((child for child in folder.children if child.name == EXERCISES and child.kind == "folder"), None)
    named = [child for child in inner.children if child.name == lesson] if inner else []
    return named[0] if named and named[0].kind == "folder" else None


def sources_in(folder: Node, expected: Expected) -> list[Node]:
    """The files directly in a folder that may be answers."""
    return [child for child in folder.children if child.is_source and child.name.lower() not in expected.given]


def holds_the_lesson(folder: Node, expected: Expected) -> bool:
    """Whether the lesson's files lie directly in a folder, or it is a copy of the whole kit."""
    if kit_exercises(folder, expected.lesson):
        return True
    sources = sources_in(folder, expected)
    found = [match for node in sources if (match := meant(node.stem, expected.names))]
    if any(match.distance <= COPY for match in found):
        return True
    if found and len(found) == len(sources):
        return not any(match.before or match.behind for match in found)
    return len(sources) == 1 and sources[0].name == expected.notebook


class _Class:
    """The students under one path that a person named."""

    def __init__(self, expected: Expected, loose: list[NotTaken]) -> None:
        self._expected = expected
        self._loose = loose
        self._by_key: dict[tuple[str, str, str], Student] = {}
        self._uploads: dict[tuple[str, str, str], list[tuple[Node, Upload]]] = {}

    @property
    def students(self) -> list[Student]:
        """In the order they were found."""
        for key, owned in self._uploads.items():
            _merge(self._by_key[key], owned)
        self._uploads = {}
        return list(self._by_key.values())

    def look_at(self, tree: Node, is_alone: bool, each: Each | None) -> None:
        """A path that a person named; `is_alone` if nothing else was."""
        if tree.kind != "folder":
            self._plain([tree], is_download=is_alone)
        elif each == "path":
            self._add(tree.stem, tree)
        elif each:
            self._by_hand(tree, each)
        elif tree.is_archive and not is_alone and not _is_download(tree):
            self._add(tree.stem, tree)
        else:
            self._class(_unwrapped(tree))

    def _by_hand(self, folder: Node, each: Each) -> None:
        for child in folder.children:
            is_folder = child.kind in ("folder", "unreadable") and not child.is_archive
            is_file = self._is_lone(child) or _is_archive(child)
            if is_folder if each == "folder" else is_file:
                self._add(child.stem, child)
            else:
                self._lay_aside(child, f"not a {each}" if is_folder or is_file else "")

    def _class(self, folder: Node) -> None:
        rest = self._claimed(folder)
        is_claimed = len(rest) < len(folder.children)
        if not is_claimed and holds_the_lesson(folder, self._expected):
            self._add(folder.stem, folder)
            return
        holders = [child for child in rest if _may_hold_answers(child)]
        if holders and not is_claimed and all(map(_is_download, holders)):
            for child in rest:
                if child in holders:
                    self._class(_unwrapped(child))
                else:
                    self._lay_aside(child)
        else:
            self._plain(rest, is_claimed)

    def _claimed(self, folder: Node) -> list[Node]:
        """Takes what hosts claim in a folder; what is left."""
        looks = [(host, look) for host in HOSTS if not host.is_weak and (look := host.look(folder))]
        claims = [(child, _first_claim(child, looks)) for child in folder.children]
        named = sum(child.is_source and child.stem.lower() in self._expected.names for child in folder.children)
        holding = [bool(claim) for child, claim in claims if _may_hold_answers(child)]
        is_download = sum(holding) > named or (not holding and not named)
        if not is_download:
            return list(folder.children)
        hosts = {claim[0] for _, claim in claims if claim}
        for host, look in looks:
            if host in hosts:
                self._loose += [NotTaken(node.shown, why) for node, why in look.problems]
        beside = frozenset[str]().union(*(host.beside for host in hosts))
        rest: list[Node] = []
        for child, claim in claims:
            if claim:
                self._upload(child, claim[1])
            elif child.name not in beside:
                rest.append(child)
        return rest

    def _plain(self, nodes: Sequence[Node], is_download: bool) -> None:
        """One student each. In a host's download, what no host claims and cannot be read is nobody's."""
        weak = [(host, look) for host in HOSTS if host.is_weak and (look := host.look(_NOTHING))]
        for node in nodes:
            if self._is_lone(node):
                match = meant(node.stem, self._expected.names)
                claim = None if match else _first_claim(node, weak)
                if claim:
                    self._upload(node, claim[1])
                else:
                    self._add((match and (match.before or match.behind)) or node.stem, node)
            elif node.kind == "folder" or (not is_download and (node.kind == "unreadable" or _is_archive(node))):
                self._add(node.stem, node)
            else:
                self._lay_aside(node)

    def _add(self, name: str, node: Node) -> None:
        student = self._by_key.setdefault(("", "", name), Student(name, node.shown))
        student.parts.append(Part(node, node.name if node.kind != "folder" else ""))

    def _upload(self, node: Node, upload: Upload) -> None:
        key = upload.identity.key if upload.identity.user_id else ("", "", upload.owner)
        self._by_key.setdefault(key, Student(upload.owner, node.shown, identity=upload.identity))
        self._uploads.setdefault(key, []).append((node, upload))

    def _lay_aside(self, node: Node, why: str = "") -> None:
        is_given = node.kind == "file" and node.name.lower() in self._expected.given
        why = why or ("given by the kit" if is_given else node.why or "neither .py nor .ipynb")
        self._loose.append(NotTaken(node.shown, why, is_junk=node.kind == "junk" and node.why != OF_A_RUN))

    def _is_lone(self, node: Node) -> bool:
        return node.is_source and node.name.lower() not in self._expected.given


_NOTHING = Node("", Path(), "folder")


def _first_claim(node: Node, looks: Iterable[tuple[Host, Look]]) -> tuple[Host, Upload] | None:
    """The host whose mark comes first in a name: what follows is the student's own."""
    if node.kind == "junk":
        return None
    found = [(host, upload) for host, look in looks if (upload := look.claim(node))]
    return min(found, key=lambda claim: len(node.name) - len(claim[1].display), default=None)


def _merge(student: Student, owned: Sequence[tuple[Node, Upload]]) -> None:
    """All uploads of one student: of attempts the newest, of archives uploaded again the newest that can be read."""
    identities = [upload.identity for _, upload in owned]
    attachments = {number for identity in identities for number in identity.attachment_ids}
    named = max(identities, key=lambda identity: bool(identity.display_name))
    student.identity = replace(
        named,
        late=any(identity.late for identity in identities),
        attachment_ids=tuple(sorted(attachments, key=_by_size)),
    )
    holding = [(node, upload) for node, upload in owned if not upload.is_receipt]
    able = [upload.attempt for node, upload in holding if _may_hold_answers(node)]
    attempt = max(able or [upload.attempt for _, upload in holding], default=0)
    older = {upload.attempt for _, upload in holding if upload.attempt < attempt}
    if older:
        count = f"{len(older)} older attempts were" if len(older) > 1 else "an older attempt was"
        student.notes.append(f"{count} not read: the newest counts")
    counted = [(node, upload) for node, upload in holding if upload.attempt == attempt]
    student.older += [(node, "a newer attempt counts") for node, upload in holding if upload.attempt != attempt]
    student.older += [(node, "written by the host") for node, upload in owned if upload.is_receipt]
    newest = _newest_archives(counted)
    for node, upload in counted:
        counts = newest.get(id(node), upload)
        if counts is upload:
            _take(student, node, upload)
            continue
        why = "is newer" if _age(upload) < _age(counts) else "is the newest that can be unpacked"
        student.notes.append(f"{upload.display} was not read: {counts.display} {why}")
        student.older.append((node, f"{counts.display} {why}"))


def _take(student: Student, node: Node, upload: Upload) -> None:
    if upload.older:
        names = ", ".join(f"{older.shown.parent.name}/{older.name}" for older in upload.older[:3])
        student.notes.append(
            f"{names} {'was' if len(upload.older) == 1 else 'were'} not read: the newest version counts"
        )
        student.older += [(older, "a newer version counts") for older in upload.older]
    if upload.inside is None:
        name = upload.display or ("" if node.kind == "folder" else node.name)
        student.parts.append(Part(node, name, upload.order))
    else:
        student.parts += [Part(inner, "" if inner.kind == "folder" else inner.name) for inner in upload.inside]


def _newest_archives(owned: Sequence[tuple[Node, Upload]]) -> dict[int, Upload]:
    """For the id of each archive, the upload that counts: of hw.zip and hw-1.zip the newest that can be read."""
    archives = [(node, upload) for node, upload in owned if upload.display and _is_archive(node)]
    present = {upload.display.lower() for _, upload in archives}
    newest: dict[str, Upload] = {}
    for _, upload in sorted(archives, key=lambda pair: (pair[0].kind == "folder", _age(pair[1]))):
        newest[_family(upload, present)] = upload
    return {id(node): newest[_family(upload, present)] for node, upload in archives}


def _family(upload: Upload, present: set[str]) -> str:
    """The name that uploads of one file share: the number is taken off where the file without one is there, too."""
    stem, dot, suffix = upload.display.lower().partition(".")
    original = f"{original_of(stem).stem}{dot}{suffix}"
    return original if original in present else upload.display.lower()


def _age(upload: Upload) -> tuple[int, int]:
    """Larger is newer."""
    return upload.order, original_of(upload.display.partition(".")[0]).number


def _by_size(number: str) -> tuple[int, str]:
    return len(number), number


def _is_archive(node: Node) -> bool:
    """Whether it is an archive, or would be one if it could be read."""
    return node.is_archive or (
        node.kind in ("refused", "other") and node.why != LINK and suffix_of(node.name) in _CLOSED
    )


def _may_hold_answers(node: Node) -> bool:
    return node.is_source or node.kind in ("folder", "unreadable") or _is_archive(node)


def _unwrapped(folder: Node) -> Node:
    """What lies in an archive, without the one folder of the same name around it all."""
    inner = [child for child in folder.children if child.kind != "junk"]
    if not folder.is_archive or len(inner) != 1 or inner[0].kind != "folder" or inner[0].is_archive:
        return folder
    return inner[0] if _plain_stem(folder.stem) == inner[0].name.casefold() else folder


def _plain_stem(stem: str) -> str:
    """`hw4` of `hw4 (1)` and of Google Drive's `hw4-20261120T101500Z-001`."""
    drive = _DRIVE_ZIP.fullmatch(stem) if len(stem) <= _LONGEST else None
    return (drive["stem"] if drive else original_of(stem).stem).casefold()


def _is_download(node: Node) -> bool:
    """Whether a folder or archive is what a host hands out, by itself or in a folder of its own."""
    if node.kind != "folder":
        return False
    if node.is_archive and len(node.stem) <= _LONGEST and _DRIVE_ZIP.fullmatch(node.stem):
        return True
    looks = [(host, look) for host in HOSTS if not host.is_weak and (look := host.look(node))]
    holders = [child for child in node.children if _may_hold_answers(child)]
    if 2 * sum(bool(_first_claim(child, looks)) for child in holders) > len(holders):  # a template may lie beside
        return True
    return len(holders) == 1 and _is_download(holders[0])


def distinct(students: Sequence[Student]) -> Iterator[Student]:
    """Students of one raw name get -2, -3, ...; a name that is somebody's already is left to them."""
    same: dict[str, list[Student]] = {}
    for student in students:
        same.setdefault(student.name, []).append(student)
    renamed: dict[int, str] = {}
    for name, namesakes in same.items():
        number = 1
        for student in sorted(namesakes, key=_in_order)[1:]:
            number += 1
            while f"{name}-{number}" in same:
                number += 1
            renamed[id(student)] = f"{name}-{number}"
    for student in students:
        student.name = renamed.get(id(student), student.name)
        yield student


def _in_order(student: Student) -> tuple[int, str]:
    """Those without an id first, as they were found; then by the id, which grows with time."""
    return _by_size(student.identity.user_id if student.identity else "")
