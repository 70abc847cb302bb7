"""Tokens -> fingerprints: winnowing (Schleimer, Wilkerson, Aiken: Local Algorithms for Document Fingerprinting, 2003).

Of every `WINDOW` neighbouring k-grams the one with the smallest hash is kept. So a passage that two
sources share is found if it is at least K + WINDOW - 1 tokens long, whatever stands around it, and
nothing shorter than K tokens ever is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from grader.copies.shape import Passage, Token

K = 8  # about one operation on two tensors
WINDOW = 3


@dataclass(frozen=True)
class Fingerprint:
    """A kept k-gram, and the lines it covers."""

    hash: int
    first: int
    last: int


def fingerprints(passage: Passage) -> tuple[Fingerprint, ...]:
    """Those of one passage; one that is shorter than K tokens has none."""
    grams = [passage.tokens[start : start + K] for start in range(len(passage.tokens) - K + 1)]
    hashes = [_hash(gram) for gram in grams]
    kept: set[int] = set()
    for start in range(max(1, len(hashes) - WINDOW + 1) if hashes else 0):
        window = range(start, min(start + WINDOW, len(hashes)))
        kept.add(min(window, key=lambda place: (hashes[place], -place)))  # of equals the rightmost
    return tuple(_at(hashes[place], grams[place]) for place in sorted(kept))


def _at(value: int, gram: Sequence[Token]) -> Fingerprint:
    lines = [token.line for token in gram]
    return Fingerprint(value, min(lines), max(lines))


def _hash(gram: Sequence[Token]) -> int:
    """The same in every run, unlike hash()."""
    text = "\0".join(token.sign for token in gram)
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
