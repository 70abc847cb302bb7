"""The hostile submissions and their twins, as data, and as folders to be graded."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import PRELUDE

HERE = Path(__file__).parent
ROWS = sorted(file.stem for file in HERE.glob("*.toml"))
GOT_IN = "GOT IN"
SECRET = "the secret of the canary\n"
CONTROL_STEP = "db2"  # stands right in every submission, below what attacks
_CONTROL = "\ndef db2(dlogits):\n    return dlogits.sum(0)\n"
_EARNS_NOTHING = frozenset({"missing", "forbidden", "timeout", "memory", "crashed", "error", "wrong"})
_FILE = "ex1_chain.py"


@dataclass(frozen=True)
class Entry:
    """An attack, or the honest twin of one. The keys are explained in README.md."""

    row: str
    name: str
    is_attack: bool
    step: str = "dprobs"
    body: str = ""
    before: str = ""
    code: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    pipes: tuple[str, ...] = ()
    raw: bool = False
    repeat: int = 1
    verdict: str | list[str] = "forbidden"
    unread: str | list[str] = ""
    bare: bool = True
    alone: tuple[str, ...] = ()
    wild: bool = False

    @property
    def verdicts(self) -> frozenset[str]:
        """What the step may get in a class run."""
        return frozenset({"right"}) if not self.is_attack else _set(self.verdict)

    @property
    def verdicts_unread(self) -> frozenset[str]:
        """What it may get with the language switched off."""
        if self.unread:
            return _set(self.unread) | {"forbidden", "timeout"}  # the worker notes autograd; a busy machine is slow
        return _EARNS_NOTHING if "forbidden" in self.verdicts else self.verdicts | {"timeout"}

    @property
    def has_code(self) -> bool:
        """Whether it holds an answer that can run at all."""
        return bool(self.body or self.code) and not self.raw

    @property
    def aims(self) -> bool:
        """Whether it says when it has reached its aim."""
        return GOT_IN in self.body + self.before + self.code

    def source(self) -> str:
        """The file with the attacked step."""
        if self.raw:
            return self.code * self.repeat
        if self.code:
            return PRELUDE + self.code + _CONTROL
        body = textwrap.indent(self.body.strip("\n") or "pass", "    ")
        head = "def dprobs(dlogprobs, probs):"
        return f"{PRELUDE}{self.before}\n{head}\n{body}\n    return torch.zeros_like(probs)\n{_CONTROL}"


def entries() -> list[Entry]:
    """All of them, in the order of the files."""
    found: list[Entry] = []
    for row in ROWS:
        raw = tomllib.loads((HERE / f"{row}.toml").read_text(encoding="utf-8"))
        for kind in ("attack", "twin"):
            for keys in raw.pop(kind, []):
                found.append(_entry(row, kind == "attack", keys))
        assert not raw, f"{row}.toml has tables of another name: {sorted(raw)}"
    return found


def write(entry: Entry, folder: Path, places: Mapping[str, str]) -> None:
    """Makes the submission of an entry, with the places filled in that it is after."""
    folder.mkdir(parents=True)
    if entry.body or entry.code:
        (folder / _FILE).write_bytes(_filled(entry.source(), places).encode("utf-8", "surrogateescape"))
    for name, text in entry.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(_filled(text, places), encoding="utf-8")
    for name, target in entry.links.items():
        (folder / name).symlink_to(_filled(target, places))
    for name in entry.pipes:
        os.mkfifo(folder / name)


def make_canary(folder: Path) -> None:
    """A folder that anybody may read and write: only the seal stands before it."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in list(folder.iterdir()):
        part.unlink() if not part.is_dir() or part.is_symlink() else _remove(part)
    folder.chmod(0o777)
    for name, text in {"secret.txt": SECRET, "helper_of_the_canary.py": ""}.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o666)


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Everything below a folder: kinds, rights and contents."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted([folder, *folder.rglob("*")])
    }


def _remove(folder: Path) -> None:
    for part in folder.iterdir():
        part.unlink() if not part.is_dir() or part.is_symlink() else _remove(part)
    folder.rmdir()


def _entry(row: str, is_attack: bool, keys: dict[str, Any]) -> Entry:
    lists = {key: tuple(value) for key, value in keys.items() if key in ("alone", "pipes")}
    return Entry(row=row, is_attack=is_attack, **keys | lists)


def _set(words: str | list[str]) -> frozenset[str]:
    return frozenset([words] if isinstance(words, str) else words)


def _filled(text: str, places: Mapping[str, str]) -> str:
    for name, value in places.items():
        text = text.replace(f"@{name}@", value)
    return text


def quick_lesson(source: Path, folder: Path, step_seconds: float) -> Path:
    """A copy of the lesson with short limits, so that endless loops end soon."""
    shutil.copytree(source, folder)
    file = folder / "lesson.toml"
    limits = {"call_seconds": step_seconds / 2, "step_seconds": step_seconds, "submission_seconds": 20}
    limits |= {"training_seconds": 5, "memory_mib": 1536}
    text = file.read_text(encoding="utf-8")
    for key, value in limits.items():
        text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
    file.write_text(text, encoding="utf-8")
    return folder
