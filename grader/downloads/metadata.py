"""submission_metadata.yml of a Gradescope export: submission folders -> who submitted them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.downloads.identity import Identity
from grader.downloads.uploads import gradescope_id

if TYPE_CHECKING:
    import yaml

_MAX_BYTES = 64 << 20
_SECONDS = 20.0  # of processor time
_LOOKED_EVERY = 1000  # events
_DEEPEST = 50  # lists in lists; libyaml's own loader runs out of its stack, and the process with it


def read_metadata(path: Path) -> dict[str, Identity]:
    """Folder name -> identity. Raises ValueError, with the reason, for a file that is none of Gradescope's."""
    import yaml  # a fifth of a second that only exports of Gradescope need

    parser: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"it is larger than {_MAX_BYTES >> 20} MiB")
        raw = _document(_bounded(yaml.parse(path.read_bytes(), parser)))
    except (yaml.YAMLError, UnicodeError, StopIteration):
        raise ValueError("it is no YAML") from None
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
    if not isinstance(raw, dict):
        raise ValueError("it names no submissions")
    return {folder: _identity(folder, entry) for folder, entry in raw.items() if gradescope_id(str(folder))}


def _bounded(events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    """The same, as long as it does not take too long."""
    deadline = time.process_time() + _SECONDS
    for number, event in enumerate(events):
        if number % _LOOKED_EVERY == 0 and time.process_time() > deadline:
            raise ValueError("it takes too long to read")
        yield event


def _document(events: Iterator[yaml.Event]) -> Any:
    """Text, lists and mappings, and nothing else: no tags, no aliases; the id 007 stays 007."""
    import yaml

    event = next(events)
    while isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
        event = next(events)
    return _value(event, events, 0)


def _value(event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Any:
    import yaml

    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    if isinstance(event, yaml.ScalarEvent):
        return event.value
    values: list[Any] = []
    if isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
        while not isinstance(inner := next(events), yaml.SequenceEndEvent | yaml.MappingEndEvent):
            values.append(_value(inner, events, depth + 1))
    if isinstance(event, yaml.MappingStartEvent):
        pairs = zip(values[::2], values[1::2], strict=True)
        return {key: value for key, value in pairs if isinstance(key, str)}
    return values


def _identity(folder: str, entry: Any) -> Identity:
    submitters = list(_submitters(entry))
    names, ids, emails = (
        tuple(found for submitter in submitters if (found := _field(submitter, key)))
        for key in ("name", "sid", "email")
    )
    members = names if len(names) > 1 else ()
    user = gradescope_id(folder)
    return Identity("gradescope", user, " & ".join(names), sis_ids=ids, members=members, emails=emails)


def _submitters(entry: Any) -> Iterator[dict[Any, Any]]:
    listed = entry.get(":submitters", entry.get("submitters")) if isinstance(entry, dict) else None
    yield from (one for one in listed if isinstance(one, dict)) if isinstance(listed, list) else ()


def _field(submitter: dict[Any, Any], key: str) -> str:
    """Keys are Ruby's symbols (`:name`) in the exports, and plain in other tools' copies of them."""
    value = submitter.get(f":{key}", submitter.get(key))
    return value.strip() if isinstance(value, str) else ""
