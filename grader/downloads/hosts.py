"""The table of hosts: how what each of them hands out says who handed in what.

A host looks at a folder and, where that may be its own, gives a function that claims what lies in it, one by
one: whether a file is claimed, and for whom, never depends on the others beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from grader.downloads.identity import Identity
from grader.downloads.metadata import read_metadata
from grader.downloads.names import original_of
from grader.downloads.tree import METADATA, Node
from grader.downloads.uploads import Upload, blackboard, brightspace, canvas, drive, gradescope_id, moodle

Claim = Callable[[Node], Upload | None]

_SAKAI_FOLDER = re.compile(r"(?P<name>[^()]+)\((?P<id>[^()]+)\)")
_SAKAI_FILES = "submission attachment(s)"
_VERSION = re.compile(r"version ([0-9]{1,6})", re.IGNORECASE)
_CLASSROOM = "-submissions"
_RECEIPT_BYTES = 1000
_RECEIPT_NAME = re.compile(r"Name: (?P<name>[^()\n]{1,200}) \((?P<user>[^()\n]{1,200})\)")


@dataclass(frozen=True)
class Look:
    """What a host makes of a folder: what it claims in it, and what it could not read."""

    claim: Claim
    problems: tuple[tuple[Node, str], ...] = ()


@dataclass(frozen=True)
class Host:
    """One line of the table."""

    key: str
    title: str
    look: Callable[[Node], Look | None]
    beside: frozenset[str] = frozenset()  # the host's own files beside the students'
    is_weak: bool = False  # its names may be anybody's: they are read beside each other, and make no folder a download


def title_of(key: str) -> str:
    """The host's name as people write it."""
    return next((host.title for host in HOSTS if host.key == key), key)


def _anywhere(claim: Claim) -> Callable[[Node], Look]:
    """A host that needs to know nothing of the folder around."""
    return lambda _: Look(claim)


def _by_name(read: Callable[[str], Upload | None]) -> Callable[[Node], Look]:
    return _anywhere(lambda node: read(node.name))


def _gradescope(folder: Node) -> Look | None:
    """`submission_<id>` folders, named by the file beside them."""
    if not any(child.kind == "folder" and gradescope_id(child.name) for child in folder.children):
        return None
    listed = next((child for child in folder.children if child.name == METADATA), None)
    known: dict[str, Identity] = {}
    problems: list[tuple[Node, str]] = []
    if listed and listed.path:
        try:
            known = read_metadata(listed.path)
        except ValueError as problem:
            problems.append((listed, f"names are not known: {problem}"))

    def claim(node: Node) -> Upload | None:
        number = gradescope_id(node.name)
        if node.kind != "folder" or not number:
            return None
        identity = known.get(node.name) or Identity("gradescope", number)
        return Upload(identity, identity.display_name or node.name)

    return Look(claim, tuple(problems))


def _nbgrader(folder: Node) -> Look | None:
    """`submitted/<student>/<assignment>/`."""
    if folder.name != "submitted" or any(child.is_source for child in folder.children):
        return None

    def claim(node: Node) -> Upload | None:
        is_student = node.kind == "folder" and not node.is_archive
        return Upload(Identity("nbgrader", node.name), node.name) if is_student else None

    return Look(claim)


def _sakai(node: Node) -> Upload | None:
    """`<Last, First(eid)>/Submission attachment(s)/...`, with a timestamp and comments beside."""
    found = _SAKAI_FOLDER.fullmatch(node.name)
    files = [child for child in node.children if child.name.lower() == _SAKAI_FILES]
    if not found or not files or node.is_archive:
        return None
    last, comma, first = (part.strip() for part in found["name"].partition(","))
    identity = Identity("sakai", found["id"], f"{first} {last}" if comma else last)
    return Upload(identity, node.name, inside=files[0].children)


def _teams(node: Node) -> Upload | None:
    """`<Student>/<Assignment>/Version N/...`: of each assignment the highest version."""
    inside: list[Node] = []
    older: list[Node] = []
    for child in () if node.is_archive else node.children:
        versions = [(number, inner) for inner in child.children if (number := _version(inner))]
        if not versions:
            inside.append(child)
            continue
        highest = max(number for number, _ in versions)
        inside += [inner for inner in child.children if _version(inner) in (0, highest)]
        older += [inner for number, inner in versions if number < highest]
    is_teams = any(_version(inner) for child in node.children for inner in child.children)
    identity = Identity("teams", "", node.name)
    return Upload(identity, node.name, inside=tuple(inside), older=tuple(older)) if is_teams else None


def _version(folder: Node) -> int:
    """2 of `Version 2`; 0 for any other name."""
    found = _VERSION.fullmatch(folder.name) if folder.kind == "folder" else None
    return int(found[1]) if found else 0


def _github(folder: Node) -> Look | None:
    """`<assignment>-submissions/<assignment>-<login>/`, each a repository."""
    name = original_of(folder.stem).stem
    if not name.endswith(_CLASSROOM):
        return None
    prefix = name[: len(name) - len(_CLASSROOM) + 1]

    def claim(node: Node) -> Upload | None:
        login = node.name.removeprefix(prefix)
        if node.kind != "folder" or login in (node.name, ""):
            return None
        return Upload(Identity("github", login, login), node.name)

    return Look(claim)


def _blackboard(folder: Node) -> Look:
    """Names with `_attempt_`; the host's own text about an attempt knows the student's full name."""
    people: dict[str, tuple[str, str]] = {}
    for child in folder.children:
        upload = blackboard(child.name)
        found = _RECEIPT_NAME.match(_start_of(child)) if upload and upload.is_receipt else None
        if found:
            people[_prefix(child.name)] = found["name"].strip(), found["user"].strip()

    def claim(node: Node) -> Upload | None:
        upload = blackboard(node.name)
        name, user = people.get(_prefix(node.name), ("", ""))
        if not upload or not user or not _prefix(node.name).endswith(f"_{user}"):
            return upload
        return replace(upload, owner=user, identity=Identity("blackboard", user, name))

    return Look(claim)


def _prefix(name: str) -> str:
    return name.partition("_attempt_")[0]


def _start_of(node: Node) -> str:
    try:
        with (node.path or Path()).open("rb") as file:
            return file.read(_RECEIPT_BYTES).decode("utf-8-sig", errors="replace")
    except (OSError, ValueError):
        return ""


HOSTS = (
    Host("gradescope", "Gradescope", _gradescope, frozenset({METADATA})),
    Host("nbgrader", "nbgrader", _nbgrader),
    Host("sakai", "Sakai", _anywhere(_sakai), frozenset({"grades.csv"})),
    Host("teams", "Microsoft Teams", _anywhere(_teams)),
    Host("github", "GitHub Classroom", _github),
    Host("blackboard", "Blackboard", _blackboard),
    Host("brightspace", "Brightspace", _by_name(brightspace), frozenset({"index.html"})),
    Host("moodle", "Moodle", _by_name(moodle)),
    Host("canvas", "Canvas", _by_name(canvas)),
    Host("google", "Google Drive", _by_name(drive), is_weak=True),
)
