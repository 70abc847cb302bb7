"""Steps as people name them: dprobs, ex2_cross_entropy.dlogits, ex1_chain."""

from __future__ import annotations

from collections.abc import Iterable

from grader.errors import KitError
from grader.lesson import Lesson, Step
from grader.names import did_you_mean


def named_steps(word: str, lesson: Lesson) -> list[Step]:
    """The steps that `word` means: every exercise's of that name, or all of an exercise. Raises KitError."""
    found = [step for step in lesson.steps if word in (step.name, step.path, step.exercise)]
    if not found:
        known = [name for step in lesson.steps for name in (step.name, step.path, step.exercise)]
        raise KitError(
            f"there is no step or path {word}{did_you_mean(word, known)}",
            mend=f"steps of {lesson.name}: " + ", ".join(dict.fromkeys(step.name for step in lesson.steps)),
        )
    return found


def paths_of_steps(words: Iterable[str], lesson: Lesson) -> frozenset[str]:
    """`exercise.step` for everything the words mean."""
    return frozenset(step.path for word in words for step in named_steps(word, lesson))
