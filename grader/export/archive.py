"""autograder.zip for Gradescope: its two scripts, the kit, the lesson, what to install, the seed.

torch is not in it: setup.sh installs the CPU-only build of the pinned version. The same kit gives the
same bytes.
"""

from __future__ import annotations

import io
import re
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from grader.errors import KitError
from grader.lesson import Lesson
from grader.lesson.load import ROOT
from grader.lesson.stubs import GIVEN

_PACKAGE = Path(__file__).resolve().parents[1]
_SCRIPTS = Path(__file__).with_name("autograder")
_OLDEST = (1980, 1, 1, 0, 0, 0)  # what a zip can say; a file's own time would change the bytes
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def autograder_zip(lesson: Lesson, seed: int) -> bytes:
    """The archive. Raises KitError where the kit's own files are not at hand."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(_members(lesson, seed)):
            entry = zipfile.ZipInfo(name, _OLDEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, so that the mode below counts
            entry.external_attr = (0o100755 if "/" not in name and data.startswith(b"#!") else 0o100644) << 16
            archive.writestr(entry, data)
    return out.getvalue()


def _members(lesson: Lesson, seed: int) -> Iterator[tuple[str, bytes]]:
    """Gradescope unpacks all of it into /autograder/source, and copies run_autograder one level up."""
    for script in ("setup.sh", "run_autograder"):
        yield script, (_SCRIPTS / script).read_bytes()
    yield "requirements.txt", "".join(f"{pin}\n" for pin in runtime_pins()).encode()
    yield "lesson", f"exercises/{lesson.name}\n".encode()
    yield "seed", f"{seed}\n".encode()
    yield from _tree(_PACKAGE, "kit/grader")
    for name in GIVEN:  # not the exercises, which may hold somebody's answers
        if (lesson.folder / name).is_file():
            yield f"kit/exercises/{lesson.name}/{name}", (lesson.folder / name).read_bytes()


def _tree(folder: Path, name: str) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
            yield f"{name}/{path.relative_to(folder).as_posix()}", path.read_bytes()


def runtime_pins() -> list[str]:
    """The lines of requirements.lock that the kit needs when it runs: its dependencies, and theirs."""
    try:
        lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    except OSError as error:
        raise KitError(
            f"{error.filename} cannot be read: {error.strerror}", mend="run this from a checkout of the kit"
        ) from None
    pins = {_canonical(line): line for line in lines if line.strip()}
    needed: set[str] = set()
    to_follow = set(_names(project["dependencies"]))
    while to_follow:
        name = to_follow.pop()
        needed.add(name)
        to_follow |= (set(_names(_requirements_of(name))) & pins.keys()) - needed
    return [line for name, line in pins.items() if name in needed]


def _requirements_of(name: str) -> list[str]:
    try:
        return [line for line in requires(name) or () if "extra ==" not in line]
    except PackageNotFoundError:  # for another system than this one; it is pinned with its marker
        return []


def _names(requirements: Iterable[str]) -> Iterator[str]:
    return (_canonical(requirement) for requirement in requirements)


def _canonical(requirement: str) -> str:
    found = _NAME.match(requirement.strip())
    return re.sub(r"[-_.]+", "-", found.group()).lower() if found else ""
