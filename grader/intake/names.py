"""Names that downloads give to files, and names of files that were meant to be the lesson's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from grader.intake.identity import Identity

# sortablename[_LATE]_<user id>_<attachment id>_<display name>
_CANVAS = re.compile(
    r"(?P<owner>(?P<name>.+?)(?P<late>_LATE)?_(?P<user>[0-9]+))_(?P<attachment>[0-9]+)_(?P<display>.+)", re.DOTALL
)
_CANVAS_ANONYMOUS = re.compile(
    r"anon(?P<late>_LATE)?_(?P<user>[A-Za-z0-9]+)(?P<later>_LATE)?(?:_[0-9]+)?_(?P<attachment>[0-9]+)_(?P<display>.+)",
    re.DOTALL,
)
# <Full name>_<participant id>_assignsubmission_file_ as a folder, or before the display name
_MOODLE = re.compile(r"(?P<owner>(?P<name>.+?)_(?P<user>[0-9]+)_assignsubmission_[a-z]+_?)(?P<display>.*)", re.DOTALL)
_MOODLE_ANONYMOUS = "Participant"
_GRADESCOPE = re.compile(r"submission_([0-9]+)")

_NUMBERED = re.compile(r"(?P<stem>.+?)(?:\s*\((?P<a>[0-9]{1,3})\)|[-_ ](?P<b>[0-9]{1,3}))", re.DOTALL)
_COPY_BEHIND = re.compile(r"(?P<stem>.+?)(?:\s+-\s+|[-_ ])(?:copy|kopie|copie|copia|kopia|checkpoint)", re.DOTALL)
_COPY_BEFORE = re.compile(r"(?:copy|kopie|copie|copia)[-_ ](?:of|von|de)[-_ ](?P<stem>.+)", re.DOTALL)
_WORD = re.compile(r"[^\W_]+")
# Words that stand around a file's name and are nobody's name.
_NOBODY = re.compile(
    r"(?:my|new|old|final|finished|done|draft|backup|copy|of|test|the|solutions?|answers?|submission|homework|assignment"
    r"|hw[0-9]*|v?[0-9]+)"
)


@dataclass(frozen=True)
class Upload:
    """A file or folder under the name that a system gave it."""

    identity: Identity
    owner: str  # the part of the name that is the student's, raw
    display: str  # the student's own name for it; '' for a folder that holds the student's files
    order: int  # grows with every upload


def upload_of(name: str) -> Upload | None:
    """What a name in a download of Canvas or Moodle says; None for any other name."""
    canvas, moodle = _CANVAS.fullmatch(name), _MOODLE.fullmatch(name)
    if moodle and not (canvas and len(canvas["name"]) < len(moodle["name"])):  # the display name is the student's
        return _moodle(moodle)
    return _anonymous(name) or (_canvas(canvas) if canvas else None)


def _canvas(found: re.Match[str]) -> Upload:
    identity = Identity(
        "canvas", found["user"], found["name"], bool(found["late"]), attachment_ids=(found["attachment"],)
    )
    return Upload(identity, f"{found['name']}_{found['user']}", found["display"], _number(found["attachment"]))


def _anonymous(name: str) -> Upload | None:
    found = _CANVAS_ANONYMOUS.fullmatch(name)
    if not found:
        return None
    late = bool(found["late"] or found["later"])
    identity = Identity("canvas", found["user"], "", late, True, attachment_ids=(found["attachment"],))
    return Upload(identity, f"anon_{found['user']}", found["display"], _number(found["attachment"]))


def _moodle(found: re.Match[str]) -> Upload:
    anonymous = found["name"] == _MOODLE_ANONYMOUS
    identity = Identity("moodle", found["user"], "" if anonymous else found["name"], anonymous=anonymous)
    return Upload(identity, found["owner"], found["display"], 0)


def _number(digits: str) -> int:
    return int(digits[:40])  # a name is not the place to count further


def gradescope_id(folder: str) -> str:
    """The id in `submission_123`; '' for any other name."""
    found = _GRADESCOPE.fullmatch(folder)
    return found[1] if found else ""


@dataclass(frozen=True)
class Original:
    """A name without the marks of a copy: `work (2)`, `work-2`, `Copy of work`, `work - Copy`."""

    stem: str
    number: int = 0
    is_copy: bool = False


def original_of(stem: str) -> Original:
    """Takes one mark of a copy off; the name itself where there is none."""
    numbered = _NUMBERED.fullmatch(stem)
    if numbered:
        return Original(numbered["stem"], int(numbered["a"] or numbered["b"]))
    copied = _COPY_BEHIND.fullmatch(stem.lower()) or _COPY_BEFORE.fullmatch(stem.lower())
    if copied:
        start, end = copied.span("stem")
        return Original(stem[start:end] if len(stem) == len(stem.lower()) else copied["stem"], is_copy=True)
    return Original(stem)


EXACT, COPY, AROUND, BY_NUMBER = range(4)  # how near a name is to the lesson's


@dataclass(frozen=True)
class Meant:
    """Which of the wanted names a file's name was meant to be. Smaller `distance` is nearer; `number` counts copies."""

    name: str
    distance: int
    number: int = 0
    before: str = ""  # what stands before and behind it, where that may be somebody's name
    behind: str = ""


def meant(stem: str, wanted: Sequence[str]) -> Meant | None:
    """The one of `wanted` that a file's stem names: in any case, as a copy, or among other words."""
    number, distance, rest = 0, EXACT, stem.strip()
    while True:
        for name in wanted:
            if _plain(rest) == _plain(name):
                return Meant(name, distance, number)
            if _squeezed(rest) == _squeezed(name):
                return Meant(name, max(distance, COPY), number)
        original = original_of(rest)
        if original.stem == rest:
            return _among_words(stem, wanted)
        rest, number = original.stem, max(number, original.number)
        distance = COPY if original.is_copy else distance


def _among_words(stem: str, wanted: Sequence[str]) -> Meant | None:
    """A wanted name between other words: whole, or by its first word where only one begins so (`ex1`)."""
    words = [(_plain(found.group()), found.span()) for found in _WORD.finditer(stem)]
    whole = {name: _words(name) for name in wanted}
    firsts = [parts[0] for parts in whole.values() if parts]
    short = {name: parts[:1] for name, parts in whole.items() if parts and firsts.count(parts[0]) == 1}
    for distance, forms in ((AROUND, whole), (BY_NUMBER, short)):
        found = [(name, at, len(parts)) for name, parts in forms.items() for at in _places(words, parts)]
        if len({name for name, _, _ in found}) == 1:
            name, at, length = found[0]
            before, behind = words[:at], words[at + length :]
            return Meant(name, distance, 0, _somebody(stem, before), _somebody(stem, behind))
    return None


def _places(words: Sequence[tuple[str, tuple[int, int]]], parts: Sequence[str]) -> list[int]:
    texts = [word for word, _ in words]
    size = len(parts)
    return [at for at in range(len(texts) - size + 1) if size and texts[at : at + size] == list(parts)]


def _somebody(stem: str, words: Sequence[tuple[str, tuple[int, int]]]) -> str:
    """The words as they stand in the name, if they may be somebody's."""
    if all(_NOBODY.fullmatch(word) for word, _ in words):
        return ""
    return stem[words[0][1][0] : words[-1][1][1]]


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def _words(text: str) -> list[str]:
    return _WORD.findall(_plain(text))


def _squeezed(text: str) -> str:
    return "".join(_words(text))
