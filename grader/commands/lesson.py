"""`grader lesson`: cuts the exercises from the solutions, and verifies the whole lesson."""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path

from grader.errors import KitError
from grader.judge.job import Request
from grader.lesson import Lesson, load_lesson
from grader.lesson.cut import cut_lesson, drift, solution_notebook
from grader.lesson.load import LESSON_FILE, ROOT
from grader.lesson.notebook import code_cells
from grader.lesson.stubs import GIVEN, is_same
from grader.report.terminal import make_console
from grader.results.model import SubmissionResult
from grader.results.store import write_atomically
from grader.run.pool import Pool
from grader.run.standing import Fault
from grader.submission.answers import callables, is_stub, read_answers
from grader.submission.find import submission_at
from grader.submission.syntax import parsed
from grader.wording import counted

_HINT_LEVELS = 3
_DEFINED = re.compile(r"^def (\w+)\(", re.MULTILINE)


def run(options: argparse.Namespace) -> int:
    """0 if the lesson is whole; 1 if not."""
    console = make_console()
    exercises, solutions = _folders(options.lesson)
    if not options.check:
        for line in write_exercises(solutions, exercises):
            console.print(line)
    problems = verify(solutions, exercises)
    for problem in problems:
        console.print(f"- {problem}", style="red")
    if not problems:
        console.print(
            f"lesson {exercises.name}: exercises are cut from the solutions, all start as missing, "
            "the solutions pass, every step has its hints"
        )
    return 1 if problems else 0


def _folders(lesson: str | None) -> tuple[Path, Path]:
    """The exercise folder (it may not exist yet) and the solutions it is cut from."""
    name = lesson or "mlp"
    exercises = Path(name).resolve()
    if not (exercises / LESSON_FILE).is_file() and "/" not in name:
        exercises = ROOT / "exercises" / name
    solutions = exercises.resolve().parent.parent / "solutions" / exercises.name
    if not (solutions / LESSON_FILE).is_file():
        raise KitError(f"there is no {solutions / LESSON_FILE}", mend="write the lesson into solutions/<lesson> first")
    return exercises, solutions


def write_exercises(solutions: Path, exercises: Path) -> list[str]:
    """Writes what differs, and says what. Refuses to overwrite files that hold answers."""
    lesson = load_lesson(solutions)
    wanted = cut_lesson(solutions)
    changed = [name for name, text in wanted.items() if not is_same(exercises / name, text)]
    for name in changed:
        if _holds_answers(exercises / name, wanted[name], lesson):
            raise KitError(
                f"{exercises / name} holds answers; cutting the exercises anew would lose them",
                mend="move that file away first, then run this again",
            )
    files = {exercises / name: wanted[name] for name in changed}
    made = solution_notebook(solutions)
    files |= {solutions / name: text for name, text in made.items() if not is_same(solutions / name, text)}
    for file, text in files.items():
        write_atomically(file, text)
    return [f"wrote {file}" for file in files]


def _holds_answers(path: Path, stub: str, lesson: Lesson) -> bool:
    if path.is_file() and path.name == lesson.notebook:
        return not _functions(path.read_text(encoding="utf-8", errors="replace")) <= _functions(stub)
    if not path.is_file() or path.name not in {exercise.file for exercise in lesson.exercises}:
        return False
    answers = read_answers(submission_at(path, lesson), lesson)
    if any(answer.status != "missing" for answer in answers.by_name.values()):
        return True
    own = set(_DEFINED.findall(path.read_text(encoding="utf-8", errors="replace"))) - set(_DEFINED.findall(stub))
    return bool(own)  # helper functions of somebody's own


def _functions(notebook: str) -> frozenset[str]:
    """What a notebook's code cells define, stubs apart; a cell that is not Python by its text."""
    found: set[str] = set()
    try:
        cells = code_cells(notebook)
    except KitError:
        return frozenset({notebook})
    for cell in cells:
        try:
            nodes = parsed(cell).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            found.add(cell)
        else:
            found |= {ast.dump(node) for node in nodes if isinstance(node, ast.FunctionDef) and not is_stub(node)}
    return frozenset(found)


def verify(solutions: Path, exercises: Path) -> list[str]:
    """Everything that is wrong with a lesson."""
    lesson = load_lesson(solutions)
    problems = drift(solutions, exercises)
    problems += _hints(lesson) + _files(lesson, solutions) + _docstrings(lesson, solutions)
    if problems:
        return problems
    with Pool(lesson, seed=0) as pool:
        requests = [Request(submission_at(folder, lesson), is_check=True) for folder in (exercises, solutions)]
        outcomes = dict(pool.judge(requests))
    for place, wanted in enumerate(("missing", "right")):
        problems += _verdicts(outcomes[place], wanted)
    return problems


def _hints(lesson: Lesson) -> list[str]:
    return [
        f"{step.path} has {counted(len([h for h in step.hints if h.strip()]), 'hint')}; expected {_HINT_LEVELS}"
        for step in lesson.steps
        if len([hint for hint in step.hints if hint.strip()]) != _HINT_LEVELS
    ]


def _files(lesson: Lesson, solutions: Path) -> list[str]:
    """Exercises without a file; a file that looks like an exercise but is none."""
    names = {exercise.file for exercise in lesson.exercises}
    found = {path.name for path in solutions.glob("*.py")} - set(GIVEN)
    return [f"{solutions / name} is missing" for name in sorted(names - found)] + [
        f"{solutions / name} is no exercise of {LESSON_FILE}" for name in sorted(found - names)
    ]


def _docstrings(lesson: Lesson, solutions: Path) -> list[str]:
    """In a chain, a step's docstring has to hold every forward line that uses its tensor."""
    problems: list[str] = []
    for exercise in lesson.exercises:
        path = solutions / exercise.file
        if not exercise.is_chain or not path.is_file():
            continue
        text = " ".join(path.read_text(encoding="utf-8").split())
        for step in exercise.gradient_steps:
            start = text.find(f"def {step.name}(")
            body = text[start : text.find("# BEGIN SOLUTION", start)]
            problems += [
                f"{path}: {step.name} does not show the forward line {user.source}"
                for user in lesson.graph.users[step.tensor]
                if user.source not in body
            ]
        defined = {name for name in callables(exercise) if f"def {name}(" in text}
        problems += [f"{path} does not define {name}" for name in callables(exercise) if name not in defined]
    return problems


def _verdicts(outcome: SubmissionResult | Fault, wanted: str) -> list[str]:
    if isinstance(outcome, Fault):
        return [f"the lesson could not be graded: {outcome.reason}"]
    whose = "the exercise" if wanted == "missing" else "the solution"
    return [
        f"{whose} {exercise.exercise}.{step.step} is {step.verdict}, expected {wanted}: {step.message}"
        for exercise in outcome.exercises
        for step in exercise.steps
        if not (step.passes if wanted == "right" else step.verdict == wanted)
    ]
