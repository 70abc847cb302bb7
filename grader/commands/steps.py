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
        raise KitError(
            f"there is no step or path {word}{_meant(word, lesson)}",
            mend=f"steps of {lesson.name}: " + ", ".join(dict.fromkeys(step.name for step in lesson.steps)),
        )
    return found


def _meant(word: str, lesson: Lesson) -> str:
    """Near names; for a function that makes several gradients the exercise that asks for it."""
    if asking := [exercise.name for exercise in lesson.exercises if exercise.function == word]:
        return f"; did you mean {' or '.join(asking)}, which asks for {word}?"
    return did_you_mean(word, [name for step in lesson.steps for name in (step.name, step.path, step.exercise)])


def paths_of_steps(words: Iterable[str], lesson: Lesson) -> frozenset[str]:
    """`exercise.step` for everything the words mean."""
    return frozenset(step.path for word in words for step in named_steps(word, lesson))
