"""JUnit XML: a suite a submission and exercise, a test case a step."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from grader.export.read import ClassResults, Lost
from grader.export.words import explanation, headline, one_line, plain
from grader.results.model import ExerciseResult, StepResult

_ERRORS = frozenset({"error", "timeout", "memory", "crashed"})  # it did not run to its end; others are failures
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(results: ClassResults) -> tuple[str, tuple[Lost, ...]]:
    """One document for a whole class or one submission, and what is not in it. A step that does not pass fails."""
    suites: list[ET.Element] = []
    lost: list[Lost] = []
    for one in results.graded:
        name = one.result.submission
        try:
            suites += [_suite(name, exercise) for exercise in one.result.exercises]
        except Exception as error:  # costs this submission's suites
            lost.append(Lost(name, f"it cannot be written ({type(error).__name__}: {error})"))
    root = ET.Element("testsuites", {"name": _text(_lesson(results)), **_sums(suites)})
    root.extend(suites)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode", xml_declaration=False)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n', tuple(lost)


def _lesson(results: ClassResults) -> str:
    return results.graded[0].result.lesson if results.graded else ""


def _suite(submission: str, exercise: ExerciseResult) -> ET.Element:
    cases = [_case(submission, exercise.exercise, step) for step in exercise.steps]
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": str(sum(case.find("error") is not None for case in cases)),
        "skipped": "0",
        "time": "0",  # results hold no times, so that the same answers give the same file
    }
    suite = ET.Element("testsuite", {"name": _text(f"{submission}.{exercise.exercise}"), **counts})
    suite.extend(cases)
    return suite


def _case(submission: str, exercise: str, step: StepResult) -> ET.Element:
    case = ET.Element("testcase", {"classname": _text(f"{submission}.{exercise}"), "name": step.step, "time": "0"})
    if not step.passes:
        kind = "error" if step.verdict in _ERRORS else "failure"
        said = explanation(step)
        problem = ET.SubElement(case, kind, {"message": _text(one_line(said) or headline(step)), "type": step.verdict})
        place = f"\n{step.file}:{step.line}" if step.file and step.line else ""
        problem.text = _text(f"{headline(step)}\n{said}{place}")
    if step.output:
        ET.SubElement(case, "system-out").text = _text(step.output)
    return case


def _sums(suites: list[ET.Element]) -> dict[str, str]:
    return {key: str(sum(int(suite.attrib[key]) for suite in suites)) for key in ("tests", "failures", "errors")}


def _text(text: str) -> str:
    """What XML can hold of a text."""
    return _NO_XML.sub("", plain(text))
