"""A tree of files -> which of them are whose.

Downloads of learning management systems say it by their names; elsewhere a folder is a
student if it holds files with the lesson's names, or one source. Within a student's own
files no name is looked at for a system's marks: a student cannot hand in for another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from grader.intake import metadata
from grader.intake.identity import Identity
from grader.intake.names import COPY, Upload, gradescope_id, meant, original_of, upload_of
from grader.intake.tree import Node
from grader.lesson import Lesson
from grader.submission.choose import GIVEN, Item, items_of, kits_exercises, names_of
from grader.submission.model import NotTaken

_NBGRADER = "submitted"


@dataclass
class Claim:
    """Files that are one student's."""

    name: str
    shown: Path
    items: list[Item]
    identity: Identity | None = None
    notes: list[str] = field(default_factory=list)
    older: list[tuple[Node, str]] = field(default_factory=list)  # uploads that a newer one replaced


def whole(folder: Node, lesson: Lesson) -> Claim:
    """A folder, or an archive, with all that is in it."""
    return Claim(folder.stem, folder.shown, list(items_of(folder, lesson)))


def is_one_submission(folder: Node, lesson: Lesson) -> bool:
    """Whether a folder is one student's: it holds files with the lesson's names, or one source that is no class."""
    if kits_exercises(folder, lesson):
        return True
    sources = _sources(folder.children)
    names = names_of(lesson)
    found = [match for node in sources if (match := meant(node.stem, names))]
    if any(match.distance <= COPY for match in found):
        return True
    folders = [child for child in folder.children if child.kind == "folder"]
    if found and len(found) == len(sources) and not _owners(sources, lesson):
        return True
    if len(sources) != 1:
        return False
    return not folders or (sources[0].is_notebook and sum(map(_holds_sources, folders)) < 2)


class Parting:
    """Collects claims, and what is nobody's."""

    def __init__(self, lesson: Lesson) -> None:
        self.claims: list[Claim] = []
        self.loose: list[NotTaken] = []
        self._lesson = lesson

    def look_at(self, node: Node, alone: bool) -> None:
        """Something that a person named; `alone` if nothing else was."""
        if node.kind == "folder" and node.is_archive and not alone:
            self._look_into_archive(node, True)
        else:
            self._take(node, True)

    def _take(self, node: Node, trusted: bool) -> None:
        """`trusted`: whether names may be a system's, and are not a student's own."""
        if node.kind == "folder":
            self._look_into(node, trusted)
        elif node.kind == "unreadable":
            self.claims.append(Claim(node.name, node.shown, [], notes=[node.why]))
        elif node.is_source and node.name.lower() not in GIVEN:
            self.claims.append(Claim(node.stem, node.shown, [Item(node, node.name)]))
        else:
            self._lay_aside(node)

    def _lay_aside(self, node: Node) -> None:
        is_given = node.kind == "file" and node.name.lower() in GIVEN
        why = "given by the kit" if is_given else node.why or "neither .py nor .ipynb"
        self.loose.append(NotTaken(node.shown, why, is_junk=node.kind == "junk"))

    def _look_into(self, folder: Node, trusted: bool) -> None:
        children = list(folder.children)
        if trusted:
            children = self._take_gradescope(children)
            children = self._take_nbgrader(folder, children)
            children = self._take_uploads(children)
        if len(children) == len(folder.children) and is_one_submission(folder, self._lesson):
            self.claims.append(whole(folder, self._lesson))
            return
        owned = _owners(_sources(children), self._lesson)
        for owner, nodes in owned.items():
            self.claims.append(Claim(owner, nodes[0].shown, [Item(node, node.name) for node in nodes]))
        rest = _without(children, [node for nodes in owned.values() for node in nodes])
        folders = [child for child in rest if child.kind == "folder"]
        inner = trusted and all(_is_download(child) for child in folders if _holds_sources(child))
        twins = _twins(folders)
        for child in rest:
            if id(child) in twins:
                self.claims.append(whole(child, self._lesson))
            elif child.is_archive:
                self._look_into_archive(child, inner)
            else:
                self._take(child, inner)

    def _look_into_archive(self, archive: Node, trusted: bool) -> None:
        """An archive among others: one student's, and then named after it, unless it holds several students."""
        before = len(self.claims)
        self._look_into(archive, trusted)
        inside = self.claims[before:]
        if any(claim.identity for claim in inside):
            return
        if len(inside) > 1 and _are_parts(inside, self._lesson):
            self.claims[before:] = [whole(archive, self._lesson)]
        elif len(inside) == 1:
            self.claims[before:] = [replace(inside[0], name=archive.stem)]

    def _take_gradescope(self, children: list[Node]) -> list[Node]:
        """Takes `submission_<id>` folders, named by the file beside them; what is left."""
        folders = [child for child in children if child.kind == "folder" and gradescope_id(child.name)]
        if not folders:
            return children
        listed = next((child for child in children if child.name == metadata.FILE and child.path), None)
        known: dict[str, Identity] = {}
        if listed and listed.path:
            try:
                known = metadata.read_metadata(listed.path)
            except ValueError as problem:
                self.loose.append(NotTaken(listed.shown, f"names are not known: {problem}"))
        for folder in folders:
            identity = known.get(folder.name) or Identity("gradescope", gradescope_id(folder.name))
            name = identity.display_name or folder.name
            self.claims.append(Claim(name, folder.shown, list(items_of(folder, self._lesson)), identity))
        return _without(children, [*folders, *([listed] if listed else [])])

    def _take_nbgrader(self, folder: Node, children: list[Node]) -> list[Node]:
        """Takes <student>/<assignment> where the folder is nbgrader's `submitted`; what is left."""
        if not _is_nbgraders(folder):
            return children
        students = [child for child in children if child.kind == "folder"]
        for student in students:
            assignments = [child for child in student.children if child.kind == "folder" and _holds_sources(child)]
            beside = [Item(child, child.name) for child in student.children if child.kind not in ("folder", "file")]
            identity = Identity("nbgrader", student.name)
            for assignment in assignments:
                name = student.name if len(assignments) == 1 else f"{student.name} {assignment.name}"
                self.claims.append(
                    Claim(name, assignment.shown, [*items_of(assignment, self._lesson), *beside], identity)
                )
                beside = []
            if not assignments:
                self.claims.append(Claim(student.name, student.shown, list(items_of(student, self._lesson)), identity))
        return _without(children, students)

    def _take_uploads(self, children: list[Node]) -> list[Node]:
        """Takes what bears the names of Canvas or Moodle, a student at a time; what is left."""
        uploads = [(child, upload) for child in children if (upload := _upload(child))]
        files = {exercise.file for exercise in self._lesson.exercises}
        named = sum(1 for child in children if child.name.lower() in files)
        if sum(1 for child, _ in uploads if _may_hold_answers(child)) <= named:
            return children
        by_student: dict[tuple[str, str, str], list[tuple[Node, Upload]]] = {}
        for child, upload in uploads:
            by_student.setdefault(upload.identity.key, []).append((child, upload))
        self.claims += [_claim_of(owned, self._lesson) for owned in by_student.values()]
        return _without(children, [child for child, _ in uploads])


def _claim_of(owned: Sequence[tuple[Node, Upload]], lesson: Lesson) -> Claim:
    """All uploads of one student. Of archives that were uploaded again, the newest that can be read."""
    first, upload = owned[0]
    attachments = {number for _, other in owned for number in other.identity.attachment_ids}
    identity = replace(
        upload.identity,
        late=any(other.identity.late for _, other in owned),
        attachment_ids=tuple(sorted(attachments, key=_by_size)),
    )
    claim = Claim(upload.owner, first.shown, [], identity)
    newest = _newest_archives(owned)
    for node, other in owned:
        counts = newest.get(id(node), other)
        if counts is not other:
            why = "is newer" if _age(other) < _age(counts) else "is the newest that can be unpacked"
            claim.notes.append(f"{other.display} was not read: {counts.display} {why}")
            claim.older.append((node, f"{counts.display} {why}"))
        elif node.kind == "folder":
            claim.items += items_of(node, lesson, depth=bool(other.display), order=other.order)
        else:
            claim.items.append(Item(node, other.display or node.name, order=other.order))
    return claim


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


def _is_archive(node: Node) -> bool:
    return node.is_archive or (node.kind == "refused" and node.name.lower().endswith(".zip"))


def _by_size(number: str) -> tuple[int, str]:
    return len(number), number


def _upload(node: Node) -> Upload | None:
    return None if node.kind == "junk" else upload_of(node.name)


def _may_hold_answers(node: Node) -> bool:
    return node.is_source or node.kind in ("folder", "refused", "unreadable")


def _is_nbgraders(folder: Node) -> bool:
    """`submitted` with folders in folders, and no source on the way."""
    students = [child for child in folder.children if child.kind == "folder"]
    return (
        folder.name == _NBGRADER
        and not _sources(folder.children)
        and bool(students)
        and not any(_sources(student.children) for student in students)
    )


def _is_download(folder: Node) -> bool:
    """Whether a folder looks like what a system hands out, by itself or in a folder of its own."""
    if _is_nbgraders(folder):
        return True
    for child in folder.children:
        upload = _upload(child)
        if (upload and _may_hold_answers(child)) or (child.kind == "folder" and gradescope_id(child.name)):
            return True
    folders = [child for child in folder.children if child.kind == "folder"]
    return len(folders) == 1 and not _sources(folder.children) and _is_download(folders[0])


def _without(nodes: Iterable[Node], taken: Iterable[Node]) -> list[Node]:
    """By identity: comparing trees is slow, and names may stand twice."""
    gone = {id(node) for node in taken}
    return [node for node in nodes if id(node) not in gone]


def _sources(nodes: Iterable[Node]) -> list[Node]:
    """The files among them that may be answers."""
    return [child for child in nodes if child.is_source and child.name.lower() not in GIVEN]


def _holds_sources(folder: Node) -> bool:
    return bool(_sources(folder.children)) or any(
        _holds_sources(child) for child in folder.children if child.kind == "folder"
    )


def _owners(sources: Sequence[Node], lesson: Lesson) -> dict[str, list[Node]]:
    """`ann_ex1_chain.py`, `bob_ex1_chain.py`: several students' files in one folder; {} where it is not so.

    It is so if an exercise is answered under several names.
    """
    found = [(node, match) for node in sources if (match := meant(node.stem, names_of(lesson)))]
    for side in ("before", "behind"):
        owned: dict[str, list[Node]] = {}
        owners: dict[str, set[str]] = {}
        for node, match in found:
            owner = match.before if side == "before" else match.behind
            if owner:
                owned.setdefault(owner, []).append(node)
                owners.setdefault(match.name, set()).add(owner)
        if any(len(names) > 1 for names in owners.values()):
            return owned
    return {}


def _twins(folders: Sequence[Node]) -> set[int]:
    """The ids of folders beside each other that hold several sources of the same names: each is one student's."""
    names = {id(folder): {node.name.lower() for node in _sources(folder.children)} for folder in folders}
    count = Counter(name for inside in names.values() for name in inside)
    return {twin for twin, inside in names.items() if len(inside) > 1 and any(count[name] > 1 for name in inside)}


def _are_parts(claims: Sequence[Claim], lesson: Lesson) -> bool:
    """Whether claims in one archive are parts of one submission: each answers other exercises than the others."""
    names = names_of(lesson)
    answered = [
        {match.name for item in claim.items if item.node.is_source and (match := meant(item.stem, names))}
        for claim in claims
    ]
    return all(answered) and sum(map(len, answered)) == len(set().union(*answered))
