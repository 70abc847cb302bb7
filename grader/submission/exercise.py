"""Which exercise an answer is for, where several are answered in one namespace: a notebook, a flat file."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from grader.lesson import Exercise, Lesson
from grader.lesson.model import GRADIENT_PREFIX

_MARKER = re.compile(r"#\s*(\w+)\.(\w+)\b")


def marked_in(text: str, name: str) -> str:
    """The exercise that a comment `# exercise.step` names for the step `name`; '' for none."""
    return next((exercise for exercise, step in _MARKER.findall(text) if step == name), "")


def exercise_for(candidates: Sequence[Exercise], marked: str, reads: Collection[str], lesson: Lesson) -> Exercise:
    """Of the exercises that ask for it: the marked one, else one that rules out what it does not read, else the first.

    reads: the names that the answer takes from outside.
    """
    gradients = {word for word in reads if word[:1] == GRADIENT_PREFIX and word[1:] in lesson.graph.tensors}
    for exercise in candidates:
        if exercise.name == marked:
            return exercise
    for exercise in candidates:
        ruled_out = gradients if "*" in exercise.unless_reads else set(reads).intersection(exercise.unless_reads)
        if exercise.unless_reads and not ruled_out:
            return exercise
    return next((exercise for exercise in candidates if not exercise.unless_reads), candidates[0])
