"""The files of one student -> which are read for what. Everything else is said, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grader.intake.names import BY_NUMBER, EXACT, Meant, meant, original_of
from grader.intake.tree import LINK, Node
from grader.lesson import Exercise, Lesson
from grader.submission.answers import callables, is_stub
from grader.submission.content import Unreadable
from grader.submission.program import Program, read_program

GIVEN = ("forward.py", "lesson.toml", "train.py")
EXERCISES = "exercises"
_MOST_LOOKED_AT = 20  # files of other names whose text is looked at


@dataclass(frozen=True)
class Item:
    """One file of a student: what it is called, how deep it lies, and when it was uploaded."""

    node: Node
    name: str  # the student's own name for it, without the system's prefix
    depth: int = 0  # folders and archives around it, within the submission
    order: int = 0  # grows with every upload

    @property
    def stem(self) -> str:
        return self.name[: len(self.name) - (len(self.node.name) - len(self.node.stem))]


@dataclass
class Choice:
    """What is read, what is said, and what is only listed."""

    files: dict[str, Path] = field(default_factory=dict)
    lone_files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left: list[tuple[Node, str]] = field(default_factory=list)
    top: int = 0  # the depth of the first source: a folder or archive around all of them counts for nothing


@dataclass(frozen=True)
class _Candidate:
    """A file that was meant to be an exercise's."""

    item: Item
    meant: Meant

    @property
    def rank(self) -> tuple[int, int, int, int, str]:
        """Smaller is tried first: the newest upload, the nearest to the top and to the name, the newest copy."""
        return (-self.item.order, self.item.depth, self.meant.distance, -self.meant.number, self.item.name)


def items_of(node: Node, lesson: Lesson, depth: int = 0, order: int = 0) -> Iterator[Item]:
    """Every file below a folder, and the folder itself where it is none. Of a whole kit, the exercises alone."""
    if node.kind != "folder":
        yield Item(node, node.name, depth, order)
        return
    number = original_of(node.stem).number if node.is_archive else 0  # hw-1.zip is newer than hw.zip
    answers = kits_exercises(node, lesson)
    if answers:
        yield from items_of(answers, lesson, depth + 2, order or number)
        inner = [child for folder in node.children if folder.name == EXERCISES for child in folder.children]
        for child in [*(child for child in node.children if child.name != EXERCISES), *inner]:
            if child is not answers:
                beside = Node(child.name, child.shown, "other", why="of the kit, and not its exercises")
                yield Item(beside, child.name, depth)
        return
    for child in node.children:
        yield from items_of(child, lesson, depth + (child.kind == "folder"), order or number)


def kits_exercises(folder: Node, lesson: Lesson) -> Node | None:
    """The folder of the lesson's exercises, where `folder` is a copy of the whole kit, solutions and tests and all."""
    inner = next((child for child in folder.children if child.name == EXERCISES and child.kind == "folder"), None)
    named = [child for child in inner.children if child.name == lesson.name] if inner else []
    return named[0] if named and named[0].kind == "folder" else None


def choose(items: Sequence[Item], lesson: Lesson) -> Choice:
    """Which of one student's files are read for what."""
    sources = [item for item in items if item.node.is_source and item.name.lower() not in GIVEN]
    choice = Choice(top=min((item.depth for item in sources), default=0))
    programs = [item for item in sources if not item.node.is_notebook]
    named, others = _by_exercise(programs, lesson)
    for exercise in lesson.exercises:
        if exercise.name in named:
            _choose_one(choice, exercise, named[exercise.name])
    _choose_notebooks(choice, [item for item in sources if item.node.is_notebook])
    _choose_others(choice, others, lesson)
    for item in items:
        if not item.node.is_source or item.name.lower() in GIVEN:
            _leave(choice, item, lesson)
    return choice


def names_of(lesson: Lesson) -> list[str]:
    """The names that files may be meant to have, without their ending."""
    return [exercise.name for exercise in lesson.exercises]


def _by_exercise(programs: Iterable[Item], lesson: Lesson) -> tuple[dict[str, list[_Candidate]], list[Item]]:
    named: dict[str, list[_Candidate]] = {}
    others: list[Item] = []
    for item in programs:
        match = meant(item.stem, names_of(lesson))
        if match:
            named.setdefault(match.name, []).append(_Candidate(item, match))
        else:
            others.append(item)
    return named, others


def _choose_one(choice: Choice, exercise: Exercise, candidates: list[_Candidate]) -> None:
    """The first that is filled in; of empty ones the first."""
    ranked = sorted(candidates, key=lambda candidate: candidate.rank)
    chosen = ranked[0]
    if len(ranked) > 1:
        chosen = next((c for c in ranked if _is_filled(_path(c.item), exercise)), chosen)
    choice.files[exercise.name] = _path(chosen.item)
    item = chosen.item
    if chosen.meant.distance != EXACT or item.depth > choice.top:
        choice.notes.append(f"{_where(item)} was taken for {exercise.file}")
    for other in ranked:
        if other is not chosen:
            _pass_over(choice, other.item, _why_passed_over(other, chosen))


def _why_passed_over(other: _Candidate, chosen: _Candidate) -> str:
    if other.rank < chosen.rank:
        return f"{chosen.item.name} is there too, and this one is not filled in"
    if (other.item.order, other.meant.number) < (chosen.item.order, chosen.meant.number):
        return f"{chosen.item.name} is newer"
    return f"{chosen.item.name} is there too"


def _choose_notebooks(choice: Choice, notebooks: list[Item]) -> None:
    """All of them but older copies: `work.ipynb` beside `work-1.ipynb`."""
    newest: dict[str, Item] = {}
    present = {item.stem.lower() for item in notebooks}
    for item in sorted(notebooks, key=_age):
        newest[_family(item, present)] = item
    for item in notebooks:
        counts = newest[_family(item, present)]
        if counts is item:
            choice.lone_files.append(_path(item))
        else:
            _pass_over(choice, item, f"{counts.name} is newer" if _age(item)[:2] < _age(counts)[:2] else _TOO)


_TOO = "another one of this name is there too"


def _age(item: Item) -> tuple[int, int, int, str]:
    """Larger is newer."""
    return (item.order, original_of(item.stem).number, -item.depth, item.node.shown.as_posix())


def _family(item: Item, present: set[str]) -> str:
    """The name that uploads of one file share: numbers are taken off where the file without one is there, too."""
    original = original_of(item.stem).stem.lower()
    return original if original in present else item.stem.lower()


def _choose_others(choice: Choice, others: list[Item], lesson: Lesson) -> None:
    """Files of other names: read where they answer what nothing else is there for, or where there is nothing else."""
    alone = not choice.files and not choice.lone_files
    absent = [exercise for exercise in lesson.exercises if exercise.name not in choice.files]
    near = [item for item in others if item.depth == choice.top][:_MOST_LOOKED_AT]
    read = near
    if not alone or len(others) > 1:
        read = [item for item in near if any(_is_filled(_path(item), exercise) for exercise in absent)]
    if alone and not read:
        read = near
    for item in others:
        if item in read:
            choice.lone_files.append(_path(item))
            if not alone:
                choice.notes.append(f"{_where(item)} was read too: it answers steps whose file is not there")
        else:
            _pass_over(choice, item, "it is none of the lesson's files")


def _leave(choice: Choice, item: Item, lesson: Lesson) -> None:
    """What is no source of the student's: given files, refused entries, pictures."""
    node = item.node
    if item.name.lower() in GIVEN and node.kind == "file":
        if not _is_the_kits_own(node, item.name, lesson):
            choice.notes.append(f"{item.name} is given by the kit; the one in the submission was not used")
        choice.left.append((node, "given by the kit"))
    elif node.kind in ("refused", "unreadable") and _matters(item, lesson):
        choice.notes.append(f"{_where(item)} was not read: {'it is a link' if node.why == LINK else node.why}")
        choice.left.append((node, node.why))
    else:
        choice.left.append((node, node.why or "neither .py nor .ipynb"))


def _matters(item: Item, lesson: Lesson) -> bool:
    """Whether a refused entry may have held answers."""
    if item.node.why != LINK:
        return True
    match = meant(item.stem, names_of(lesson))
    return bool(match and match.distance < BY_NUMBER)


def _pass_over(choice: Choice, item: Item, why: str) -> None:
    """A source that is not read: a remark where it lies at the top or was uploaded by itself, else only listed."""
    if item.depth <= choice.top or item.order:
        choice.notes.append(f"{_where(item)} was not read: {why}")
    choice.left.append((item.node, why))


def _where(item: Item) -> str:
    """The file's name, with the folders around it within the submission."""
    parts = item.node.shown.parts
    return "/".join([*parts[len(parts) - 1 - item.depth : -1], item.name])


def _path(item: Item) -> Path:
    assert item.node.path is not None
    return item.node.path


def _is_filled(path: Path, exercise: Exercise) -> bool:
    """Whether a file of Python has an answer to any step of the exercise, or a piece that cannot be read."""
    try:
        program: Program = read_program(path)
    except Unreadable:
        return False
    answers = (statement for name in callables(exercise) for statement in program.binders.get(name, ()))
    return bool(program.broken) or any(not is_stub(statement.node) for statement in answers)


def _is_the_kits_own(node: Node, name: str, lesson: Lesson) -> bool:
    """Whether a given file is there unchanged."""
    own = lesson.folder / name.lower()
    try:
        return own.is_file() and node.path is not None and own.read_bytes() == node.path.read_bytes()
    except OSError:
        return False
