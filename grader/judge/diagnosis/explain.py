"""All families of candidates, in the order in which a teacher would think of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from grader.judge.diagnosis import axes, chain_rule, entries, paths, whole
from grader.judge.diagnosis.look import Candidate, Family, Look, Observation
from grader.results.model import Mistake

FAMILIES: tuple[Family, ...] = (
    whole.zeros,
    whole.constant_factor,
    paths.paths,
    axes.sums,
    chain_rule.upstream_alone,
    chain_rule.local_alone,
    whole.another_gradient,
    chain_rule.missing_factor,
    chain_rule.skipped,
    chain_rule.forgotten_constant,
    axes.not_expanded,
    entries.spread,
    axes.one_of_the_batch,
    axes.extra_sums,
    axes.orders,
    entries.lost_repeats,
    paths.several_paths,
    chain_rule.wrong_tensor,
    chain_rule.wrong_slope,
    chain_rule.wrong_upstream,
    chain_rule.extra_factor,
    whole.extra_term,
    axes.same_numbers,
    chain_rule.inverted,
    entries.misplaced,
    entries.elsewhere,
    chain_rule.wrong_slope_inside,
)


def diagnose(
    observations: Sequence[Observation], tensor: str, cuts: frozenset[str], mentioned: frozenset[str]
) -> Mistake | None:
    """The first mistake that explains all observations of a wrong answer; None if none does.

    `mentioned` are the names in the student's code.
    """
    looks = [Look(observation, tensor, cuts, mentioned) for observation in observations]
    wrong = [look for look in looks if not look.is_right(look.got)]
    if not wrong:
        return None
    # Paths that vanish as a whole, such as that through the maximum in cross-entropy, nobody writes down.
    return _first_that_explains([replace(look, closed=wrong[0].vanishing) for look in wrong])


def _first_that_explains(looks: Sequence[Look]) -> Mistake | None:
    for family in FAMILIES:
        for candidate in family(looks[0]):
            if candidate.mentions and candidate.mentions not in looks[0].mentioned:
                continue
            if all(_explains(candidate, look) for look in looks):
                return Mistake(candidate.tag, candidate.help)
    return None


def _explains(candidate: Candidate, look: Look) -> bool:
    predicted = candidate.predict(look)
    if predicted is None or not bool(predicted.isfinite().all()) or look.is_right(predicted):
        return False
    # What comes out as 0 fits every prediction that vanishes, and so is explained by none of them.
    empty = candidate.tag != "zeros" and look.small(predicted, torch.zeros_like(predicted))
    return not empty and look.fits(predicted)
