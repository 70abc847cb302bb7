"""What of a lesson is handed out: cut from the solutions, or from the stubs of a copy that has none.

What lies in exercises/ beside the given files may hold somebody's answers, and is never packed.
"""

from __future__ import annotations

from pathlib import Path

from grader.lesson.cut import cut_lesson
from grader.lesson.load import LESSON_FILE
from grader.lesson.own import SOLUTIONS, STUBS
from grader.lesson.stubs import GIVEN

DATA = "data/names.txt"


def lesson_files(solutions: Path) -> dict[str, bytes]:
    """Path in a copy of the kit -> bytes: the lesson for students, and its stubs to go back to."""
    lesson, cut = solutions.name, cut_lesson(solutions)
    files = {f"exercises/{lesson}/{name}": text.encode() for name, text in cut.items()}
    stubs = [name for name, text in cut.items() if text.encode() != (solutions / name).read_bytes()]
    return files | {f"{STUBS}/{lesson}/{name}": cut[name].encode() for name in stubs}


def every_lesson(root: Path) -> dict[str, bytes]:
    """The same for all lessons of a copy of the kit, with the data they need."""
    files: dict[str, bytes] = {}
    for lesson in sorted(path.parent.name for path in (root / "exercises").glob(f"*/{LESSON_FILE}")):
        solutions = root / SOLUTIONS / lesson
        files |= lesson_files(solutions) if solutions.is_dir() else _from_stubs(root, lesson)
    return files | ({DATA: (root / DATA).read_bytes()} if (root / DATA).is_file() else {})


def _from_stubs(root: Path, lesson: str) -> dict[str, bytes]:
    given = [root / "exercises" / lesson / name for name in GIVEN]
    stubs = [path for path in sorted((root / STUBS / lesson).glob("*")) if path.is_file()]
    files = {f"exercises/{lesson}/{path.name}": path.read_bytes() for path in [*given, *stubs] if path.is_file()}
    return files | {f"{STUBS}/{lesson}/{path.name}": path.read_bytes() for path in stubs}
