"""Who a submission is, as far as its name and its identity in results.json say: the one place that knows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# sortablename[_LATE]_<user id>_<attachment id>[_<display name>], as Canvas names uploads
_CANVAS = re.compile(r"(?P<name>.+?)(?:_LATE)?_(?P<user>\d+)_\d+(?:_.*)?", re.DOTALL | re.IGNORECASE)
# <Full name>_<participant id>_assignsubmission_file_, as Moodle names folders
_MOODLE = re.compile(r"(?P<name>.+)_(?P<participant>\d+)_assignsubmission_(?:file|onlinetext)(?:_.*)?", re.DOTALL)
_ANONYMOUS = re.compile(r"anon_.*", re.DOTALL)  # its number is no student's id
_GROUPS = frozenset({"gradescope"})  # platforms where a submission, which `user_id` numbers, may have several people
_BETWEEN = " & "  # in the display name of a group


@dataclass(frozen=True)
class Person:
    """Ids and names under which a gradebook may list somebody; ids are tried first."""

    ids: tuple[str, ...]
    names: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join((*self.names, *self.ids))


def people_of(submission: str, identity: Mapping[str, Any] | None) -> tuple[Person, ...]:
    """Everybody who handed it in: from the identity a learning platform gave, else from the submission's name."""
    if identity and identity.get("anonymous"):
        return (Person((), ()),)
    if identity and identity.get("lms") in _GROUPS:
        if people := _group(identity):
            return people
    elif identity:
        ids = tuple(str(one) for one in (identity.get("user_id"), *identity.get("sis_ids", ())) if one)
        names = tuple(name for name in (identity.get("display_name"),) if name)
        if ids or names:
            return (Person(ids, names),)
    return (_named(submission),)


def _group(identity: Mapping[str, Any]) -> tuple[Person, ...]:
    """The submitters. Ids and names belong together in their order, unless somebody lacks one or the other."""
    ids = [str(one) for one in identity.get("sis_ids", ()) if one]
    names = [name for name in str(identity.get("display_name") or "").split(_BETWEEN) if name]
    if len(ids) == len(names):
        return tuple(Person((one,), (name,)) for one, name in zip(ids, names, strict=True))
    if len(ids) <= 1 and len(names) <= 1:
        return (Person(tuple(ids), tuple(names)),)
    return (*(Person((one,), ()) for one in ids), *(Person((), (name,)) for name in names))


def _named(submission: str) -> Person:
    if found := _MOODLE.fullmatch(submission):
        return Person((found["participant"],), (found["name"],))
    if _ANONYMOUS.fullmatch(submission):
        return Person((), ())
    if found := _CANVAS.fullmatch(submission):
        return Person((found["user"],), (found["name"],))
    return Person((submission,), (submission,))


def same_id(text: str) -> str:
    """What two spellings of one id have in common: `Participant 123` of a worksheet is id 123 for its host."""
    return text.strip().casefold()


@lru_cache(maxsize=1 << 14)
def same_name(text: str) -> frozenset[str]:
    """What spellings of one name have in common: `Doe, Jane`, `Jane Doe` and Canvas's `doejane`."""
    last, comma, first = text.partition(",")
    orders = (f"{last}{first}", f"{first}{last}") if comma else (text,)
    return frozenset(letters for order in orders if (letters := _letters(order)))


def _letters(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(sign for sign in folded if sign.isalnum() or unicodedata.category(sign)[0] == "M")
