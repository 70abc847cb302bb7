"""Which kit this is: its hash, and the hash it was handed out with."""

from __future__ import annotations

import json
from pathlib import Path

from grader import __version__
from grader.results.store import as_text, kit_hash

RELEASE_FILE = "release.json"


def release_note(lesson: str) -> str:
    """What a release says of itself: the file beside the package."""
    return as_text({"kit": __version__, "kit_hash": kit_hash(), "lesson": lesson})


def released_hash(root: Path) -> str | None:
    """The hash with which the copy at `root` was handed out; None where it is no release, '' for an unreadable note."""
    try:
        text = (root / RELEASE_FILE).read_text(encoding="utf-8")
    except OSError:
        return None
    try:
        return str(json.loads(text)["kit_hash"])
    except (ValueError, KeyError, TypeError):
        return ""
