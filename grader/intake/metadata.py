"""submission_metadata.yml of a Gradescope export: submission folders -> who submitted them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from grader.intake.identity import Identity
from grader.intake.names import gradescope_id

FILE = "submission_metadata.yml"
_MAX_BYTES = 64 << 20
# All scalars as text, no tags: nothing is built but text, lists and mappings, and the id 007 stays 007.
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def read_metadata(path: Path) -> dict[str, Identity]:
    """Folder name -> identity. Raises ValueError, with the reason, for a file that is none of Gradescope's."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"it is larger than {_MAX_BYTES >> 20} MiB")
        raw = yaml.load(path.read_bytes(), _Loader)
    except (yaml.YAMLError, UnicodeError, RecursionError):
        raise ValueError("it is no YAML") from None
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
    if not isinstance(raw, dict):
        raise ValueError("it names no submissions")
    return {folder: _identity(folder, entry) for folder, entry in raw.items() if gradescope_id(str(folder))}


def _identity(folder: str, entry: Any) -> Identity:
    submitters = list(_submitters(entry))
    names = [name for submitter in submitters if (name := _field(submitter, "name"))]
    ids = [sid for submitter in submitters if (sid := _field(submitter, "sid"))]
    return Identity("gradescope", gradescope_id(folder), " & ".join(names), sis_ids=tuple(ids))


def _submitters(entry: Any) -> Iterator[dict[Any, Any]]:
    listed = entry.get(":submitters", entry.get("submitters")) if isinstance(entry, dict) else None
    yield from (one for one in listed if isinstance(one, dict)) if isinstance(listed, list) else ()


def _field(submitter: dict[Any, Any], key: str) -> str:
    """Keys are Ruby's symbols (`:name`) in the exports, and plain in other tools' copies of them."""
    value = submitter.get(f":{key}", submitter.get(key))
    return value.strip() if isinstance(value, str) else ""
