"""Names of files that were meant to be the lesson's: in any case, as a copy, between other words.

Every name is read in time that grows with its length: names come from archives, and anyone may have made those.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_LONGEST = 255  # characters; file systems take no longer names, and nobody means anything by one
_MOST_MARKS = 6  # of a copy, one behind the other
_NUMBER = re.compile(r"\(([0-9]{1,3})\)\Z|[-_ ]([0-9]{1,3})\Z")
_LONGEST_NUMBER = 5  # with its parentheses
_COPY_WORDS = ("copy", "kopie", "copie", "copia", "kopia", "checkpoint")
_COPY_BEFORE = re.compile(r"(?:copy|kopie|copie|c[oó]pia)[-_ ](?:of|von|de)[-_ ](?=.)", re.IGNORECASE | re.DOTALL)
_WORD = re.compile(r"[^\W_]+")
# Words that stand around a file's name and are nobody's name.
_NOBODY = re.compile(
    r"(?:my|new|old|final|finished|done|draft|backup|copy|of|test|the|solutions?|answers?|submissions?|attempt|version"
    r"|torch|backprop|notebook|untitled|v?[0-9]{1,4}"
    r"|(?:hw|homework|ps|lab|week|exercises?|assignments?|project|problem|set|part|task|exam|quiz)[0-9]*)"
)


@dataclass(frozen=True)
class Original:
    """A name without the marks of a copy: `work (2)`, `work-2`, `Copy of work`, `work - Copy`."""

    stem: str
    number: int = 0
    is_copy: bool = False


def original_of(stem: str) -> Original:
    """Takes one mark of a copy off; the name itself where there is none."""
    tail = stem[-_LONGEST_NUMBER:]
    numbered = _NUMBER.search(tail)
    if numbered and (rest := stem[: len(stem) - len(numbered[0])].rstrip()):
        return Original(rest, int(numbered[1] or numbered[2]))
    for word in _COPY_WORDS:
        rest = stem[: -len(word)].rstrip(" -_")
        if stem[-len(word) :].lower() == word and rest and rest != stem[: -len(word)]:
            return Original(rest, is_copy=True)
    before = _COPY_BEFORE.match(stem)
    return Original(stem[before.end() :], is_copy=True) if before else Original(stem)


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
    if len(stem) > _LONGEST:
        return None
    number, distance, rest = 0, EXACT, stem.strip()
    for _ in range(_MOST_MARKS):
        for name in wanted:
            if _plain(rest) == _plain(name):
                return Meant(name, distance, number)
            if _squeezed(rest) == _squeezed(name):
                return Meant(name, max(distance, COPY), number)
        original = original_of(rest)
        if original.stem == rest:
            break
        rest, number = original.stem, max(number, original.number)
        distance = COPY if original.is_copy else distance
    return _among_words(stem, wanted)


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
    """The words as they are in the name, if they may be somebody's; `final` and `hw4` around them are not."""
    own = [place for place, (word, _) in enumerate(words) if not _NOBODY.fullmatch(word)]
    return stem[words[own[0]][1][0] : words[own[-1]][1][1]] if own else ""


def is_nobodys(text: str) -> bool:
    """Whether words such as `hw4`, `week 2`, `final` are all there is, so that it names no person."""
    return all(_NOBODY.fullmatch(word) for word in _words(text))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def _words(text: str) -> list[str]:
    return _WORD.findall(_plain(text))


def _squeezed(text: str) -> str:
    return "".join(_words(text))
