"""Names that hosts give to what was uploaded -> whose it is, and the student's own name for it.

One function a host, for one name; None for a name that is not the host's. The mark that comes first in a
name is the host's: what follows is the student's own, whatever it looks like.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from grader.downloads.identity import Identity
from grader.downloads.names import is_nobodys, original_of
from grader.downloads.tree import Node, suffix_of

_LONGEST = 1000  # characters; no host makes longer names
_MOST_DIGITS = 40
_MOODLE_MARK = "_assignsubmission_"
_MOODLE_KIND = re.compile(r"[a-z]+_?")
_MOODLE_ANONYMOUS = "Participant"
_BLACKBOARD_MARK = "_attempt_"
_BLACKBOARD_TIME = re.compile(r"[0-9]{4}(?:-[0-9]{2}){5}")
_IDS = re.compile(r"([0-9]{1,40})-[0-9]{1,40}")
_DAY = re.compile(r"([A-Z][a-z]{2})[a-z]{0,6}\.? ([0-9]{1,2}), ([0-9]{4}) ([0-9]{1,2}):?([0-9]{2}) ?([AP])M")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ANONYMOUS_USER = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True)
class Upload:
    """A file or folder under the name that a host gave it."""

    identity: Identity
    owner: str  # the part of the name that is the student's, raw
    display: str = ""  # the student's own name for it; '' for a folder that holds the student's files
    order: int = 0  # grows with every upload
    attempt: int = 0  # of attempts that each hold all files, the largest counts
    inside: tuple[Node, ...] | None = None  # what of a folder the student handed in; None for all of it
    older: tuple[Node, ...] = ()  # what of a folder newer versions replaced
    is_receipt: bool = False  # written by the host about an upload


def canvas(name: str) -> Upload | None:
    """sortablename[_LATE]_<user id>_<attachment id>_<display name>; an anonymous one starts with `anon`."""
    parts = name[:_LONGEST].split("_")
    if parts[0] == "anon" and (found := _canvas_anonymous(parts)):
        return found
    for at in range(1, len(parts) - 2):
        if not (_is_number(parts[at]) and _is_number(parts[at + 1])):
            continue
        late = parts[at - 1] == "LATE" and at > 1
        owner, display = "_".join(parts[: at - late]), "_".join(parts[at + 2 :])
        if owner and display:
            identity = Identity("canvas", parts[at], owner, late, attachment_ids=(parts[at + 1],))
            return Upload(identity, f"{owner}_{parts[at]}", display, _number(parts[at + 1]))
    return None


def _canvas_anonymous(parts: list[str]) -> Upload | None:
    """anon[_LATE]_<anonymous id>[_LATE][_<user id>]_<attachment id>_<display name>"""
    rest = parts[1:]
    is_late = "LATE" in (rest[:1] + rest[1:2])
    rest = [part for place, part in enumerate(rest) if place > 1 or part != "LATE"]
    if len(rest) < 3 or not _ANONYMOUS_USER.fullmatch(rest[0]):
        return None
    at = 2 if len(rest) > 3 and _is_number(rest[1]) and _is_number(rest[2]) else 1
    display = "_".join(rest[at + 1 :])
    if not _is_number(rest[at]) or not display:
        return None
    identity = Identity("canvas", rest[0], "", is_late, True, attachment_ids=(rest[at],))
    return Upload(identity, f"anon_{rest[0]}", display, _number(rest[at]))


def moodle(name: str) -> Upload | None:
    """<Full name>_<participant id>_assignsubmission_file_ as a folder, or before the display name."""
    head, mark, tail = name[:_LONGEST].partition(_MOODLE_MARK)
    person, _, user = head.rpartition("_")
    kind = _MOODLE_KIND.match(tail)
    if not (mark and kind and person and _is_number(user)):
        return None
    anonymous = person == _MOODLE_ANONYMOUS
    identity = Identity("moodle", user, "" if anonymous else person, anonymous=anonymous)
    return Upload(identity, f"{head}{mark}{kind[0]}", tail[kind.end() :])


def blackboard(name: str) -> Upload | None:
    """<Assignment>_<user name>_attempt_<date-time>[_<file>], and .txt behind the time for what the host wrote."""
    head, mark, tail = name[:_LONGEST].partition(_BLACKBOARD_MARK)
    assignment, _, user = head.rpartition("_")
    time = _BLACKBOARD_TIME.match(tail)
    if not (mark and time and assignment and user):
        return None
    rest = tail[time.end() :]
    is_receipt = rest.lower() == ".txt"
    if not is_receipt and not (rest[:1] == "_" and rest[1:]):
        return None
    attempt = int(time[0].replace("-", ""))
    return Upload(Identity("blackboard", user), user, rest[1:], attempt=attempt, is_receipt=is_receipt)


def brightspace(name: str) -> Upload | None:
    """<id>-<id> - <Full name> - <Mon D, YYYY hmm AM> as a folder, or before ` - ` and the display name."""
    parts = name[:_LONGEST].split(" - ")
    ids = _IDS.fullmatch(parts[0])
    if not ids:
        return None
    for at in range(2, len(parts)):
        day = _DAY.fullmatch(parts[at])
        if day and day[1] in _MONTHS:
            person = " - ".join(parts[1:at]).strip()
            hour = int(day[4]) % 12 + 12 * (day[6] == "P")
            when = (int(day[3]), _MONTHS.index(day[1]) + 1, int(day[2]), hour, int(day[5]))
            attempt = int("".join(f"{number:02}" for number in when))
            return Upload(Identity("brightspace", ids[1], person), person, " - ".join(parts[at + 1 :]), attempt=attempt)
    return None


def drive(name: str) -> Upload | None:
    """<Full name> - <title>, as Google Classroom names copies; the other way round where the first part is nobody's."""
    stem = name[: len(name) - len(suffix_of(name))][:_LONGEST]
    first, mark, rest = (part.strip() for part in stem.partition(" - "))
    if not mark or not first or not rest or original_of(stem).stem == first:
        return None  # `hw4 - Copy` is nobody's
    if is_nobodys(first):
        return None if is_nobodys(rest) else _by_name(rest, first, name)
    return _by_name(first, rest, name)


def _by_name(person: str, title: str, name: str) -> Upload:
    return Upload(Identity("google", "", person), person, f"{title}{name[len(name) - len(suffix_of(name)) :]}")


def gradescope_id(folder: str) -> str:
    """The id in `submission_123`; '' for any other name."""
    _, mark, digits = folder.partition("submission_")
    return digits if mark and folder == mark + digits and _is_number(digits) else ""


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _number(digits: str) -> int:
    return int(digits[:_MOST_DIGITS])  # a name is not the place to count further
