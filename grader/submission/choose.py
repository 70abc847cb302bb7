"""The files of one student -> which are read for what. Everything else is said, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from grader.downloads.names import BY_NUMBER, EXACT, Meant, meant, original_of
from grader.downloads.students import EXERCISES, Expected, Part, kit_exercises
from grader.downloads.tree import LINK, Node
from grader.lesson import Exercise, Lesson
from grader.lesson.stubs import GIVEN
from grader.submission.filled import Files

_MOST_LONE = 20  # notebooks and files of other names that are read
_MOST_NAMED = 3  # in one note
_SAME_TIME = 2  # seconds: archives know no shorter ones
_TOO = "is there too"
_EMPTY = "is there too, and this one is not filled in"
_MORE = "has more filled-in steps"
_STRANGE = "none of the lesson's files"


@dataclass(frozen=True)
class Item:
    """One file of a student: what it is called, how deep it lies, and when it was uploaded."""

    node: Node
    name: str  # the student's own name for it, without the host's prefix
    depth: int = 0  # folders and archives around it, within the submission
    order: int = 0  # grows with every upload

    @property
    def stem(self) -> str:
        return self.name[: len(self.name) - (len(self.node.name) - len(self.node.stem))]

    @property
    def path(self) -> Path:
        assert self.node.path is not None
        return self.node.path

    @property
    def folder(self) -> Path:
        return self.node.shown.parent

    @cached_property
    def time(self) -> int:
        """When it was last changed, as far as archives can say."""
        try:
            return int(self.path.stat().st_mtime) // _SAME_TIME
        except OSError:
            return 0


@dataclass(frozen=True)
class _PassedOver:
    """A source that is not read, and why: another one was chosen, and `how` compares the two."""

    item: Item
    chosen: Item | None
    how: str


@dataclass
class Choice:
    """What is read, what is said, and what is only listed."""

    files: dict[str, Path] = field(default_factory=dict)
    lone_files: list[Path] = field(default_factory=list)
    own_files: list[Path] = field(default_factory=list)  # that what is read may import
    notes: list[str] = field(default_factory=list)
    left: list[tuple[Node, str]] = field(default_factory=list)
    top: int = 0  # the depth of the first source: a folder or archive around all of them counts for nothing
    passed_over: list[_PassedOver] = field(default_factory=list)
    read_as: list[tuple[Item, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Candidate:
    """A file that was meant to be an exercise's, or that may answer any."""

    item: Item
    meant: Meant

    @property
    def in_folder(self) -> tuple[int, int, int, int, int, str]:
        """Smaller is better, of files in one folder: the newest upload, the nearest to the name, the newest copy."""
        item = self.item
        return (-item.order, self.meant.distance, -self.meant.number, -item.time, item.depth, item.name)


Answered = Callable[[Item], int]


def expected_of(lesson: Lesson) -> Expected:
    """What files of the lesson are called."""
    names = tuple(exercise.name for exercise in lesson.exercises)
    return Expected(lesson.name, names, frozenset(GIVEN), lesson.notebook)


def items_of(part: Part, lesson: Lesson) -> Iterator[Item]:
    """Every file of a part of a submission."""
    if part.node.kind == "folder":
        yield from _below(part.node, lesson, depth=bool(part.name), order=part.order)
    else:
        yield Item(part.node, part.name or part.node.name, 0, part.order)


def _below(folder: Node, lesson: Lesson, depth: int, order: int) -> Iterator[Item]:
    """The files below a folder. Of a whole kit, the exercises alone."""
    number = original_of(folder.stem).number if folder.is_archive else 0  # hw-1.zip is newer than hw.zip
    answers = kit_exercises(folder, lesson.name)
    if answers:
        yield from _below(answers, lesson, depth + 2, order or number)
        inner = [child for folder in folder.children if folder.name == EXERCISES for child in folder.children]
        for child in [*(child for child in folder.children if child.name != EXERCISES), *inner]:
            if child is not answers:
                beside = Node(child.name, child.shown, "other", why="of the kit, and not its exercises")
                yield Item(beside, child.name, depth)
        return
    for child in folder.children:
        if child.kind == "folder":
            yield from _below(child, lesson, depth + 1, order or number)
        else:
            yield Item(child, child.name, depth, order or number)


def choose(items: Sequence[Item], lesson: Lesson, files: Files) -> Choice:
    """Which of one student's files are read for what."""
    sources = [item for item in items if item.node.is_source and item.name.lower() not in GIVEN]
    choice = Choice(top=min((item.depth for item in sources), default=0))
    named, others = _by_exercise((item for item in sources if not item.node.is_notebook), lesson)
    for exercise in lesson.exercises:
        if exercise.name in named:
            _choose_one(choice, exercise, named[exercise.name], files)
    notebooks = _without_copies(choice, [item for item in sources if item.node.is_notebook], lesson, files)
    _choose_others(choice, _without_copies(choice, others, lesson, files), notebooks, lesson, files)
    _choose_notebooks(choice, notebooks, files)
    _choose_imported(choice, files)
    choice.notes += [*_said_of_names(choice), *_said_of_rest(choice)]
    _leave(choice, [item for item in items if not item.node.is_source or item.name.lower() in GIVEN], lesson)
    return choice


def _choose_imported(choice: Choice, files: Files) -> None:
    """Of the files that answer nothing, those that one which is read imports."""
    beside = [p for p in choice.passed_over if p.how == _STRANGE and p.item.stem.isidentifier()]
    waiting = [p for p in beside if p.item.depth == choice.top][:_MOST_LONE]
    read = [*choice.files.values(), *choice.lone_files] if waiting else []
    while found := [p for p in waiting if any(p.item.stem in files.imports(path) for path in read)]:
        choice.own_files += [p.item.path for p in found]
        read = [p.item.path for p in found]
        waiting = [p for p in waiting if not any(p is one for one in found)]
        choice.passed_over = [p for p in choice.passed_over if not any(p is one for one in found)]


def _by_exercise(programs: Iterable[Item], lesson: Lesson) -> tuple[dict[str, list[_Candidate]], list[Item]]:
    named: dict[str, list[_Candidate]] = {}
    others: list[Item] = []
    names = _names(lesson)
    for item in programs:
        match = meant(item.stem, names)
        if match:
            named.setdefault(match.name, []).append(_Candidate(item, match))
        else:
            others.append(item)
    return named, others


def _names(lesson: Lesson) -> list[str]:
    return [exercise.name for exercise in lesson.exercises]


def _choose_one(choice: Choice, exercise: Exercise, candidates: list[_Candidate], files: Files) -> None:
    """The best that is filled in; of empty ones the best."""
    ranked = _ranked(candidates, lambda item: files.of(item.path).get(exercise.name, 0), files)
    chosen = ranked[0]
    choice.files[exercise.name] = chosen.item.path
    if chosen.meant.distance != EXACT or chosen.item.depth > choice.top:
        choice.read_as.append((chosen.item, exercise.file))
    for other in ranked[1:]:
        answered = files.of(other.item.path).get(exercise.name, 0)
        _pass_over(choice, other, chosen, bool(answered), files)


def _ranked(candidates: Sequence[_Candidate], answered: Answered, files: Files) -> list[_Candidate]:
    """The best first: filled in, the newest upload, from the folder with more filled-in steps, newer, by its name."""
    ranked = sorted(candidates, key=lambda candidate: candidate.in_folder)
    if len(ranked) == 1:
        return ranked
    is_empty = {id(candidate): answered(candidate.item) == 0 for candidate in ranked}
    ranked.sort(key=lambda candidate: is_empty[id(candidate)])  # stable: the best in its folder stays first
    by_folder: dict[Path, list[_Candidate]] = {}
    for candidate in ranked:
        by_folder.setdefault(candidate.item.folder, []).append(candidate)
    firsts = [of_folder[0] for of_folder in by_folder.values()]
    steps = {first.item.folder: _filled_in(first.item.folder, firsts, files) for first in firsts}

    def rank(candidate: _Candidate) -> tuple[bool, int, int, int, int, str]:
        item = candidate.item
        where = item.node.shown.as_posix()
        return (is_empty[id(candidate)], -item.order, -steps[item.folder], -item.time, item.depth, where)

    firsts.sort(key=rank)
    rest = [candidate for candidate in ranked if all(candidate is not first for first in firsts)]
    return [firsts[0], *sorted([*firsts[1:], *rest], key=lambda candidate: candidate.in_folder)]


def _filled_in(folder: Path, firsts: Sequence[_Candidate], files: Files) -> int:
    """The filled-in steps of all files of a folder that were looked at."""
    if len(firsts) == 1:
        return 0
    return sum(files.total(first.item.path) for first in firsts if first.item.folder == folder)


def _pass_over(choice: Choice, other: _Candidate, chosen: _Candidate, is_answered: bool, files: Files) -> None:
    mine, theirs = other.item, chosen.item
    if not is_answered and files.of(mine.path) and files.total(theirs.path):
        how = _EMPTY
    elif (mine.order, other.meant.number) < (theirs.order, chosen.meant.number):
        how = "is newer"
    elif mine.folder != theirs.folder and files.total(mine.path) < files.total(theirs.path):
        how = _MORE
    elif mine.folder != theirs.folder and mine.time < theirs.time:
        how = "is newer"
    else:
        how = _TOO
    choice.passed_over.append(_PassedOver(mine, theirs, how))


def _without_copies(choice: Choice, items: list[Item], lesson: Lesson, files: Files) -> list[Item]:
    """All of them but older copies (`work.ipynb` beside `work-1.ipynb`) and other versions in other folders."""
    families: dict[str, list[_Candidate]] = {}
    present = {item.stem.lower() for item in items}
    for item in items:
        original = original_of(item.stem)
        family = original.stem.lower() if original.stem.lower() in present else item.stem.lower()
        number = original.number if family != item.stem.lower() else 0
        families.setdefault(family, []).append(_Candidate(item, Meant(family, EXACT, number)))
    kept: list[Item] = []
    for candidates in families.values():
        ranked = _ranked(candidates, lambda item: files.total(item.path), files)
        first = ranked[0]
        kept.append(first.item)
        for other in ranked[1:]:
            if other.item.folder == first.item.folder or _is_version(other.item, first.item, lesson, files):
                _pass_over(choice, other, first, bool(files.total(other.item.path)), files)
            else:
                kept.append(other.item)
    return kept


def _is_version(item: Item, of: Item, lesson: Lesson, files: Files) -> bool:
    """Whether a file of the same name in another folder answers the same as `of`, and not another exercise."""
    folders = [meant(one.folder.name, _names(lesson)) for one in (item, of)]
    if all(folders) and len({found.name for found in folders if found}) > 1:
        return False
    mine, theirs = files.of(item.path), files.of(of.path)
    is_beyond = any(count > theirs.get(name, 0) for name, count in mine.items())
    return not is_beyond and (not sum(mine.values()) or 2 * sum(mine.values()) >= sum(theirs.values()))


def _choose_others(choice: Choice, others: list[Item], notebooks: list[Item], lesson: Lesson, files: Files) -> None:
    """Files of other names: read where they answer what nothing else is there for, or where there is nothing else."""
    is_alone = not choice.files and not notebooks
    absent = [exercise.name for exercise in lesson.exercises if exercise.name not in choice.files]
    others = sorted(others, key=lambda item: (-item.order, item.depth, -item.time, item.node.shown.as_posix()))
    read = others
    if not is_alone or len(others) > 1:
        read = [item for item in others if any(files.of(item.path).get(name) for name in absent)]
    if is_alone and not read:
        read = [item for item in others if item.depth == choice.top]
    read = sorted(read[:_MOST_LONE], key=lambda item: -files.total(item.path) if len(read) > 1 else 0)
    for item in others:
        if not any(item is one for one in read):
            choice.passed_over.append(_PassedOver(item, None, _STRANGE))
    choice.lone_files += [item.path for item in read]
    if not is_alone:
        choice.notes += [f"{_where(item)} was read too: it answers steps whose file is not there" for item in read]


def _choose_notebooks(choice: Choice, notebooks: list[Item], files: Files) -> None:
    """All of them, in the order in which their answers count."""
    if len(notebooks) > 1:
        notebooks = sorted(
            notebooks,
            key=lambda item: (-item.order, -files.total(item.path), -item.time, item.node.shown.as_posix()),
        )
    choice.lone_files += [item.path for item in notebooks[:_MOST_LONE]]
    for item in notebooks[_MOST_LONE:]:
        choice.passed_over.append(_PassedOver(item, None, f"only {_MOST_LONE} notebooks are read"))


# ---- what is said


def _said_of_names(choice: Choice) -> Iterator[str]:
    """One note for all files whose names were understood, and not the lesson's."""
    read_as = choice.read_as
    if len(read_as) == 1:
        yield f"{_where(read_as[0][0])} was taken for {read_as[0][1]}"
    elif read_as:
        yield f"taken for the lesson's files: {', '.join(f'{_where(item)} for {file}' for item, file in read_as)}"


def _said_of_rest(choice: Choice) -> Iterator[str]:
    """One note a reason for sources that are not read, where they lie at the top or something was decided."""
    by_reason: dict[tuple[str, Path, Path | None], list[_PassedOver]] = {}
    for passed in choice.passed_over:
        item, chosen = passed.item, passed.chosen
        choice.left.append((item.node, f"{chosen.name} {passed.how}" if chosen else passed.how))
        if chosen or item.depth <= choice.top or item.order:
            by_reason.setdefault((passed.how, item.folder, chosen.folder if chosen else None), []).append(passed)
    for (how, folder, of), passed_over in by_reason.items():
        names = _named([_where(passed.item) for passed in passed_over])
        were = "was" if len(passed_over) == 1 else "were"
        first = passed_over[0].chosen
        is_one = len({id(passed.chosen) for passed in passed_over}) == 1
        if first is None:
            yield f"{names} {were} not read: {how}"
            continue
        there = _where(first).rpartition("/")[0] if folder != of else ""
        better = (_where(first) if folder != of else first.name) if is_one else there or "another file"
        yield f"{names} {were} not read: {better} {_MORE if how == _EMPTY and len(passed_over) > 1 else how}"


def _named(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b, c and 4 more`."""
    if len(names) > _MOST_NAMED:
        return f"{', '.join(names[:_MOST_NAMED])} and {len(names) - _MOST_NAMED} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _leave(choice: Choice, items: Sequence[Item], lesson: Lesson) -> None:
    """What is no source of the student's: given files, refused entries, pictures."""
    changed: list[str] = []
    for item in items:
        node = item.node
        if item.name.lower() in GIVEN and node.kind == "file":
            if not _is_the_kits_own(node, item.name, lesson):
                changed.append(item.name)
            choice.left.append((node, "given by the kit"))
        elif node.kind in ("refused", "unreadable") and _matters(item, lesson):
            choice.notes.append(f"{_where(item)} was not read: {'it is a link' if node.why == LINK else node.why}")
            choice.left.append((node, node.why))
        else:
            choice.left.append((node, node.why or "neither .py nor .ipynb"))
    if len(changed) == 1:
        choice.notes.append(f"{changed[0]} is given by the kit; the one in the submission was not used")
    elif changed:
        choice.notes.append(f"{_named(changed)} are given by the kit; those in the submission were not used")


def _matters(item: Item, lesson: Lesson) -> bool:
    """Whether a refused entry may have held answers."""
    if item.node.why != LINK:
        return True
    match = meant(item.stem, _names(lesson))
    return bool(match and match.distance < BY_NUMBER)


def _where(item: Item) -> str:
    """The file's name, with the folders around it within the submission."""
    parts = item.node.shown.parts
    return "/".join([*parts[len(parts) - 1 - item.depth : -1], item.name])


def _is_the_kits_own(node: Node, name: str, lesson: Lesson) -> bool:
    """Whether a given file is there unchanged."""
    own = lesson.folder / name.lower()
    try:
        return own.is_file() and node.path is not None and own.read_bytes() == node.path.read_bytes()
    except OSError:
        return False
