"""Files of a run, written so that a killed run leaves whole files or none.

DIR/grades.csv  index.html  submissions/<name>/{results.json, feedback.html}
DIR/.grader/run.json                the seed, drawn once
DIR/.grader/results/<key>.json      results by what they depend on; the next run starts from them
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from grader.errors import KitError
from grader.lesson import Lesson
from grader.results.model import SubmissionResult, result_from_json
from grader.submission.find import Submission

_PACKAGE = Path(__file__).resolve().parents[1]


def write_atomically(path: Path, text: str) -> None:
    """Writes `text` beside `path` and moves it there. Raises KitError, and then `path` is as it was."""
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise KitError(
            f"cannot be written: {error.strerror}", where=str(path), mend="choose another folder with OUT="
        ) from None


def as_text(value: Any) -> str:
    """JSON with stable layout, nothing that JSON does not know, and ASCII: a file name may be no valid Unicode."""
    return json.dumps(value, indent=1, allow_nan=False) + "\n"


def hash_of_tree(folder: Path, suffixes: tuple[str, ...]) -> str:
    """A hash of names and bytes of the files below `folder` with these suffixes."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in suffixes and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def kit_hash() -> str:
    """A hash of the grader's own source: two kits with the same hash judge alike."""
    return hash_of_tree(_PACKAGE, (".py", ".toml"))


class RunFolder:
    """DIR of a class run."""

    def __init__(self, folder: Path, lesson: Lesson, mends: bool = True) -> None:
        self.folder = folder
        self._own = folder / ".grader"
        lesson_files = hash_of_tree(lesson.folder, (".toml",)) + hashlib.sha256(lesson.graph.text.encode()).hexdigest()
        self._fixed = "\0".join((kit_hash(), lesson_files, version("torch"), str(lesson.limits), str(mends)))

    def seed(self, wanted: int | None) -> int:
        """The run's seed: the one asked for, else the recorded one, else a new one that nobody knows."""
        record = self._own / "run.json"
        seed = wanted
        if seed is None:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                seed = int(json.loads(record.read_text(encoding="utf-8"))["seed"])
        if seed is None:
            seed = secrets.randbelow(1 << 31)
        write_atomically(record, as_text({"seed": seed}))
        return seed

    def key(self, submission: Submission, seed: int, layers: Sequence[str]) -> str:
        """What a result depends on, the layers of isolation too, as a hash. Raises OSError for unreadable files."""
        run = "\0".join((self._fixed, str(seed), ",".join(layers)))
        digest = hashlib.sha256(f"{run}\0{submission.notes!r}\0".encode())
        for exercise, path in [*sorted(submission.files.items()), *(("", lone) for lone in submission.lone_files)]:
            if path:
                digest.update(f"{exercise}\0{path.name!r}\0".encode() + path.read_bytes() + b"\0")
        return digest.hexdigest()

    def cached(self, key: str) -> SubmissionResult | None:
        """An earlier result under the same key; None for none, or one that cannot be read."""
        try:
            return result_from_json(json.loads((self._own / "results" / f"{key}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, key: str, result: SubmissionResult) -> None:
        """Stores a result for the next run."""
        write_atomically(self._own / "results" / f"{key}.json", as_text(result.as_json()))
