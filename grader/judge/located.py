"""Results whose lines are those of the student's file: `line 31` of the text that ran is `cell 5, line 3`."""

from __future__ import annotations

import re
from dataclasses import replace

from grader.results.model import StepResult
from grader.submission.program import Origin

_LINE = re.compile(r"\bline (\d+)\b")


def located(result: StepResult, origin: Origin) -> StepResult:
    """The result with every line it names where the student finds it."""
    if origin == Origin():
        return result
    place = origin.place(result.line) if result.line is not None else None
    seen = result.instructor
    cases = tuple(replace(case, fact=_told(case.fact, origin)) for case in seen.cases)
    mend = _told(seen.mend, origin) if seen.mend and _is_the_students(seen.mend, origin) else None
    suspected = _told(seen.suspected, origin) if seen.suspected else None
    mistake = result.mistake
    return replace(
        result,
        line=place.line if place else None,
        cell=place.cell if place else None,
        message=_told(result.message, origin),
        mistake=replace(mistake, help=_told(mistake.help, origin)) if mistake else None,
        note=_told(result.note, origin) if result.note else result.note,
        instructor=replace(seen, mend=mend, suspected=suspected, cases=cases),
    )


def _told(text: str, origin: Origin) -> str:
    return _LINE.sub(lambda found: str(origin.place(int(found.group(1))) or "the line above yours"), text)


def _is_the_students(text: str, origin: Origin) -> bool:
    return all(origin.place(int(line)) for line in _LINE.findall(text))
