"""Fingerprints of a class -> pairs that share what few others have."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from grader.copies.shape import Passage
from grader.copies.winnow import Fingerprint

_COMMON = 0.5  # what more than this part of the class wrote shows nothing
_MOST_OWNERS = 50  # nor does what so many wrote: each pair of them is counted, in a class of any size
_MOST_PLACES = 20  # passages of one submission with the same fingerprint that are looked at
_MOST_MATCHES = 200  # of one pair


@dataclass(frozen=True)
class Printed:
    """A passage and its fingerprints."""

    passage: Passage
    prints: tuple[Fingerprint, ...]

    @cached_property
    def hashes(self) -> frozenset[int]:
        return frozenset(one.hash for one in self.prints)


@dataclass(frozen=True)
class Source:
    """One submission as it is compared: its files' lines, to be shown, and its passages."""

    name: str
    files: Mapping[str, tuple[str, ...]]
    passages: tuple[Printed, ...]

    @cached_property
    def hashes(self) -> frozenset[int]:
        return frozenset().union(*(passage.hashes for passage in self.passages))


@dataclass(frozen=True)
class Match:
    """A passage of each side, and the fingerprints that both have, with their weights."""

    left: Printed
    right: Printed
    shared: Mapping[int, float]


@dataclass(frozen=True)
class Pair:
    """Two submissions, how alike they are from 0 to 1, and where; the rarest matches first."""

    left: Source
    right: Source
    score: float
    matches: tuple[Match, ...]


def most_alike(sources: Sequence[Source], given: Set[int], most: int) -> list[Pair]:
    """At most `most` pairs that share anything of weight, the most alike first.

    A fingerprint weighs the logarithm of how much rarer it is than one that all have; one that is `given`
    (template, solutions), or that most of the class has, weighs nothing. The fingerprints of one passage share
    one vote, since they come together: a long function chosen alike is one coincidence, not forty. The
    score is what two submissions share of all that they weigh together (weighted Jaccard).
    """
    weights = _weights([source.hashes for source in sources], given)
    votes = [_votes(source, weights) for source in sources]
    scored = sorted(
        ((score, a, b) for (a, b), score in _scores(votes).items()),
        key=lambda found: (-found[0], sources[found[1]].name, sources[found[2]].name),
    )
    return [
        Pair(sources[a], sources[b], score, tuple(_matches(sources[a], sources[b], weights)))
        for score, a, b in scored[:most]
    ]


def _weights(hashes: Sequence[Set[int]], given: Set[int]) -> dict[int, float]:
    """Inverse document frequency. In a class of two or three, what two have still counts."""
    counts = Counter(one for own in hashes for one in own)
    common = max(2.0, min(_COMMON * len(hashes), _MOST_OWNERS))
    return {
        one: math.log((len(hashes) + 1) / count)
        for one, count in counts.items()
        if count <= common and one not in given
    }


def _votes(source: Source, weights: Mapping[int, float]) -> dict[int, float]:
    """What each fingerprint of a submission counts: its weight, by how many of its passage have any."""
    votes: dict[int, float] = {}
    for passage in source.passages:
        own = [one for one in passage.hashes if one in weights]
        for one in own:
            votes[one] = max(votes.get(one, 0.0), weights[one] / len(own))
    return votes


def _scores(votes: Sequence[Mapping[int, float]]) -> dict[tuple[int, int], float]:
    owners: defaultdict[int, list[int]] = defaultdict(list)
    for place, own in enumerate(votes):
        for one in own:
            owners[one].append(place)
    shared: defaultdict[tuple[int, int], float] = defaultdict(float)
    for one, places in owners.items():
        for a, b in combinations(places, 2):
            shared[a, b] += min(votes[a][one], votes[b][one])
    totals = [sum(own.values()) for own in votes]
    return {(a, b): both / (totals[a] + totals[b] - both) for (a, b), both in shared.items()}


def _matches(left: Source, right: Source, weights: Mapping[int, float]) -> list[Match]:
    """For each passage on the left the one on the right that shares the most weight with it."""
    places: defaultdict[int, list[int]] = defaultdict(list)
    for place, other in enumerate(right.passages):
        for one in other.hashes:
            if one in weights and len(places[one]) < _MOST_PLACES:
                places[one].append(place)
    found = []
    for own in left.passages:
        shares: defaultdict[int, float] = defaultdict(float)
        for one in sorted(own.hashes):
            for place in places.get(one, ()):
                shares[place] += weights[one]
        if shares:
            best = right.passages[max(sorted(shares), key=lambda place: shares[place])]
            found.append(Match(own, best, {one: weights[one] for one in own.hashes & best.hashes if one in weights}))
    return sorted(found, key=lambda match: -max(match.shared.values()))[:_MOST_MATCHES]
