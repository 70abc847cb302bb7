"""`grader release`: the zip that an instructor hands to students. Exercises and grader, no solutions."""

from __future__ import annotations

import argparse
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from grader import __version__
from grader.errors import KitError
from grader.invocation import option
from grader.lesson import Lesson, load_lesson
from grader.lesson.load import LESSON_FILE, ROOT
from grader.lesson.own import SOLUTIONS
from grader.lesson.packing import DATA, lesson_files
from grader.report.terminal import make_console, near_path
from grader.results.kit import RELEASE_FILE, release_note
from grader.results.store import kit_hash
from grader.submission.answers import callables, is_stub
from grader.submission.program import parse_program
from grader.wording import counted

_PACKAGE = (".py", ".toml", ".html", ".css", ".js")
_AS_THEY_ARE = ("LICENSE", "pyproject.toml", "requirements.lock", DATA)
_README = "docs/students.md"
# Tests that hold no answer to any step. They run against the stubs where there are no solutions.
_TESTS = (
    "__init__.py",
    "conftest.py",
    "quick.py",
    "ready.py",
    "support.py",
    "test_kit.py",
    "test_progress.py",
    "test_wire.py",
)
_INSTRUCTORS = re.compile(r"^[^\n]*# BEGIN INSTRUCTOR\n.*?# END INSTRUCTOR\n", re.MULTILINE | re.DOTALL)
_PICTURE = re.compile(r"(!\[[^\]]*\]\()([\w.-]+\.(?:svg|png)\))")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # so that the same kit makes the same zip


def run(options: argparse.Namespace) -> int:
    """0 when the zip is written."""
    solutions = _solutions(options.lesson or "mlp")
    files = contents(solutions)
    top = f"backprop-kit-{solutions.name}-{__version__}"
    target = _target(Path(options.out), f"{top}.zip")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(target, top, files)
    except OSError as error:
        raise KitError(
            f"cannot be written: {error.strerror}", where=str(target), mend=f"choose another {option('--out', 'DIR')}"
        ) from None
    console = make_console()
    console.print(f"wrote {near_path(target)}: {counted(len(files), 'file')}, no solutions; kit {__version__}")
    console.print(f"its hash is {kit_hash()[:12]}: results of students name it (kit_hash), and so does make doctor")
    return 0


def _target(out: Path, name: str) -> Path:
    """The file at `out` where that is called a zip, else `name` in the folder `out`."""
    return out if out.suffix.lower() == ".zip" and not out.is_dir() else out / name


def contents(solutions: Path) -> dict[str, bytes]:
    """Path in the zip -> bytes. What is cut from the solutions, never what lies in exercises/."""
    files = lesson_files(solutions)
    _refuse_answers(load_lesson(solutions), solutions.name, files)
    files |= {name: (ROOT / name).read_bytes() for name in _AS_THEY_ARE}
    files |= {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in _package()}
    files |= {f"tests/{name}": (ROOT / "tests" / name).read_bytes() for name in _TESTS}
    files |= _readme()
    files["Makefile"] = _INSTRUCTORS.sub("", (ROOT / "Makefile").read_text(encoding="utf-8")).encode()
    files[RELEASE_FILE] = release_note(solutions.name).encode()
    return files


def _refuse_answers(lesson: Lesson, folder: str, files: Mapping[str, bytes]) -> None:
    """Raises KitError where a file that is handed out answers a step: what was given holds no marked solutions."""
    for exercise in lesson.exercises:
        name = f"exercises/{folder}/{exercise.file}"
        program = parse_program(exercise.file, files[name].decode())
        for asked in callables(exercise):
            found = [statement for statement in program.binders.get(asked, ()) if asked in statement.stored]
            if not all(is_stub(statement.node) for statement in found):
                raise KitError(
                    f"it would hand out an answer to {asked}",
                    where=f"{lesson.folder / exercise.file}:{found[-1].node.lineno}",
                    mend="a release is cut from solutions/<lesson>, between # BEGIN SOLUTION and # END SOLUTION",
                )


def _solutions(lesson: str) -> Path:
    folder = ROOT / SOLUTIONS / lesson
    if not (folder / LESSON_FILE).is_file():
        raise KitError(f"there is no {folder / LESSON_FILE}", mend="a release is cut from solutions/<lesson>")
    return folder


def _package() -> Iterator[Path]:
    for path in sorted((ROOT / "grader").rglob("*")):
        if path.suffix in _PACKAGE and "__pycache__" not in path.parts:
            yield path


def _readme() -> dict[str, bytes]:
    """The students' guide as README.md, with the pictures that it shows."""
    text = (ROOT / _README).read_text(encoding="utf-8")
    pictures = {match[2].rstrip(")") for match in _PICTURE.finditer(text)}
    files = {f"docs/{name}": (ROOT / "docs" / name).read_bytes() for name in sorted(pictures)}
    return files | {"README.md": _PICTURE.sub(r"\1docs/\2", text).encode()}


def _write(target: Path, top: str, files: Mapping[str, bytes]) -> None:
    """Beside its place first, so that a stopped run leaves no half of a zip."""
    half = target.with_name(f".{target.name}")
    with zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{top}/{name}", _LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])
    half.replace(target)
