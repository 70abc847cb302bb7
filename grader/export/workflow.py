"""A workflow for GitHub Actions that grades each push with the instructor's copy of the kit."""

from __future__ import annotations

import re
from pathlib import Path

from grader.errors import KitError
from grader.invocation import option
from grader.lesson import Lesson

_TEMPLATE = Path(__file__).with_name("grade.yml")
_KIT = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)@(?P<ref>[\w./-]+)", re.ASCII)
_FOLDER = re.compile(r"[\w./ -]+", re.ASCII)


def workflow(lesson: Lesson, kit: str | None, under: str, seed: int | None) -> str:
    """The text of .github/workflows/grade.yml. Raises KitError."""
    found = _KIT.fullmatch(kit or "")
    if not found:
        raise KitError(
            f"{kit!r} does not say where the workflow finds the kit"
            if kit
            else "where does the workflow find the kit?",
            mend=f"name your copy of it and a tag or commit: {option('--kit', 'OWNER/REPOSITORY@REF')}",
        )
    if not _FOLDER.fullmatch(under) or ".." in under or under.startswith("/"):
        raise KitError(
            f"{under!r} is no folder within a repository",
            mend=f"for example {option('--under', 'hw4')}; default: the root",
        )
    values = {
        "@REPOSITORY@": found["repository"],
        "@REF@": found["ref"],
        "@LESSON@": lesson.name,
        "@SEED@": "" if seed is None else str(seed),
        "@UNDER@": under,
    }
    text = _TEMPLATE.read_text(encoding="utf-8")
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text
