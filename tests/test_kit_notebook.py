"""The lesson as a notebook: what is generated, and what happens when it is run from head to tail."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from grader.commands.lesson import write_exercises
from grader.errors import KitError
from grader.lesson import Lesson, load_lesson
from grader.lesson.cut import drift
from grader.lesson.notebook import notebook_text
from grader.submission.answers import callables, is_stub
from tests.support import ROOT

MLP = load_lesson(ROOT / "exercises" / "mlp")
TINY = load_lesson(ROOT / "tests" / "lessons" / "exercises" / "tiny")
SECONDS = 300  # for one cell, on a machine with other things to do


def _made(lesson: Lesson) -> NotebookNode:
    texts = {path.name: path.read_text(encoding="utf-8") for path in lesson.folder.glob("*.py")}
    return nbformat.reads(notebook_text(lesson, texts), as_version=4)  # type: ignore[no-any-return]


def _read(kind: str) -> NotebookNode:
    return nbformat.read(ROOT / kind / "mlp" / MLP.notebook, as_version=4)  # type: ignore[no-any-return]


NOTEBOOKS = pytest.mark.parametrize(
    ("book", "lesson"),
    [(_read("exercises"), MLP), (_read("solutions"), MLP), (_made(TINY), TINY)],
    ids=["exercises", "solutions", "tiny"],
)


def _answers(book: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in book.cells if "grader" in cell.metadata]


# --- what is generated ------------------------------------------------------------------------------------


@NOTEBOOKS
def test_a_notebook_is_valid_and_holds_no_output(book: NotebookNode, lesson: Lesson) -> None:
    nbformat.validate(book)
    assert all(not cell.outputs and cell.execution_count is None for cell in book.cells if cell.cell_type == "code")
    assert book.metadata.grader.lesson == lesson.name


@NOTEBOOKS
def test_every_function_has_one_answer_cell_that_is_marked_twice_and_one_check(
    book: NotebookNode, lesson: Lesson
) -> None:
    wanted = [f"{exercise.name}.{name}" for exercise in lesson.exercises for name in callables(exercise)]
    assert [cell.metadata.grader.step for cell in _answers(book)] == wanted
    for cell in _answers(book):
        assert cell.source.splitlines()[0] == f"# {cell.metadata.grader.step}"
        following = book.cells[book.cells.index(cell) + 1]
        assert following.source == f"check({cell.metadata.grader.step.split('.')[1]})"


@NOTEBOOKS
def test_every_step_shows_its_points_and_where_to_watch(book: NotebookNode, lesson: Lesson) -> None:
    for exercise in lesson.exercises:
        for step in exercise.gradient_steps:
            name = exercise.function or step.name
            about = next(cell.source for cell in book.cells if cell.id == f"{exercise.name}-{name}-about")
            points = exercise.max_score if exercise.function else step.points
            assert about.startswith(f"### {name} · {points:g} point")
            first = next((s for s in exercise.steps if s.watch), None) if exercise.function else step
            if first and first.watch:
                assert f"[{first.watch}]({lesson.watch_url(first)})" in about


@NOTEBOOKS
def test_the_teaching_of_the_files_is_there_and_their_commands_are_not(book: NotebookNode, lesson: Lesson) -> None:
    texts = " ".join("\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown").split())
    for exercise in lesson.exercises:
        assert f"{exercise.title}" in texts
        doc = ast.get_docstring(ast.parse((lesson.folder / exercise.file).read_text(encoding="utf-8"))) or ""
        for paragraph in doc.split("\n\n")[1:]:
            if "make " not in paragraph and not paragraph.startswith("    "):
                assert " ".join(paragraph.replace("\n    * ", "\n* ").split()) in texts
    assert "make check" not in texts
    assert "make hint" not in texts


@NOTEBOOKS
def test_all_code_is_python_and_imports_stand_in_one_cell(book: NotebookNode, lesson: Lesson) -> None:
    for cell in book.cells:
        if cell.cell_type == "code":
            compile(cell.source, cell.id, "exec")
    imports = next(cell.source for cell in book.cells if cell.id == "imports")
    assert "import torch" in imports.splitlines()
    assert not any(re.search(r"^(import|from) ", cell.source, re.MULTILINE) for cell in _answers(book)), lesson.name


@pytest.mark.parametrize("kind", ["exercises", "solutions"])
def test_the_exercise_holds_stubs_and_the_solution_none(kind: str) -> None:
    for cell in _answers(_read(kind)):
        assert is_stub(ast.parse(cell.source).body[0]) == (kind == "exercises")
        assert ("BEGIN SOLUTION" in cell.source) == (kind == "solutions")  # where nbgrader cuts


def test_code_beside_the_functions_stands_in_cells_of_its_own() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in TINY.folder.glob("*.py")}
    texts["ex_walk.py"] += "\n\nHALF = 0.5\n\n\ndef helper(x):\n    return x\n"
    sources = [cell.source for cell in nbformat.reads(notebook_text(TINY, texts), as_version=4).cells]
    assert "HALF = 0.5" in sources
    assert "def helper(x):\n    return x" in sources


# --- nbgrader's schema 3: its JSON schema, and the rules of its validator -----------------------------------

FIELDS: dict[str, type | tuple[type, ...]] = {
    "schema_version": int, "grade": bool, "solution": bool, "locked": bool, "task": bool,
    "grade_id": str, "points": (int, float),
}  # fmt: skip
REQUIRED = {"schema_version", "grade", "solution", "locked"}


def _graded(book: NotebookNode) -> list[tuple[NotebookNode, Mapping[str, Any]]]:
    return [(cell, cell.metadata.nbgrader) for cell in book.cells if "nbgrader" in cell.metadata]


@NOTEBOOKS
def test_the_metadata_keeps_the_rules_of_nbgraders_schema(book: NotebookNode, lesson: Lesson) -> None:
    assert _graded(book)
    for cell, data in _graded(book):
        assert REQUIRED <= set(data) <= set(FIELDS)
        assert all(isinstance(value, FIELDS[name]) for name, value in data.items())
        assert data["schema_version"] == 3
        assert re.fullmatch(r"[a-zA-Z0-9_\-]+", data["grade_id"])
        assert ("points" in data) == data["grade"]
        assert cell.cell_type == "code"
    identities = [data["grade_id"] for _, data in _graded(book)]
    assert len(set(identities)) == len(identities), lesson.name


@NOTEBOOKS
def test_answers_are_for_students_to_fill_in_and_checks_are_locked_and_worth_all_points(
    book: NotebookNode, lesson: Lesson
) -> None:
    for cell, data in _graded(book):
        kind = (data["solution"], data["grade"], data["locked"])
        if "grader" in cell.metadata:
            assert kind == (True, False, False)
        elif cell.source.startswith("check("):
            assert kind == (False, True, True)
        else:
            assert (cell.id, kind) == ("setup", (False, False, True))
    assert sum(data.get("points", 0) for _, data in _graded(book)) == lesson.max_score


# --- run from head to tail --------------------------------------------------------------------------------


def _executed(kind: str) -> NotebookNode:
    """The notebook, run by a kernel whose folder has nothing to do with the kit."""
    book = _read(kind)
    NotebookClient(book, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": "/"}}).execute()
    return book


def _outputs(book: NotebookNode, start: str) -> list[NotebookNode]:
    cells = [cell for cell in book.cells if cell.cell_type == "code" and cell.source.startswith(start)]
    return [output for cell in cells for output in cell.outputs]


@pytest.mark.parametrize(
    ("kind", "passing", "count"), [("exercises", {"missing"}, 0), ("solutions", {"right", "exact"}, 36)]
)
def test_every_step_of_the_exercise_is_missing_and_every_one_of_the_solution_right(
    kind: str, passing: set[str], count: int
) -> None:
    book = _executed(kind)
    kinds = {output.output_type for cell in book.cells for output in cell.get("outputs", ())}
    assert kinds == {"stream", "display_data"}  # no errors, and no value of check for whoever does not ask
    assert not [output for output in _outputs(book, "") if output.get("name") == "stderr"]
    said = [line for output in _outputs(book, "check(") for line in output.data["text/plain"].splitlines()]
    rows = [match for line in said if (match := re.fullmatch(r"\S (\S.*?)  ([a-z-]+)  [\d.]+ of [\d.]+ points?", line))]
    judged = [name for row in rows for name in row[1].split(", ")]
    assert judged == [step.name for step in MLP.steps]
    assert {row[2] for row in rows} <= passing
    last = _outputs(book, "progress()")[-1].data
    assert f"{count} of 36 steps pass" in last["text/plain"]
    assert f"{count} of 36 steps pass" in last["text/html"]
    assert "<svg" in last["text/html"]
    assert ("ex1_chain.dprobs: missing" in last["text/html"]) == (kind == "exercises")


# --- it is written by `make lesson`, and nobody's answers are lost ------------------------------------------


@pytest.fixture
def lesson_with_a_notebook(tmp_path: Path) -> tuple[Path, Path]:
    """The tiny lesson, with a notebook: (solutions, exercises)."""
    for kind in ("solutions", "exercises"):
        shutil.copytree(ROOT / "tests" / "lessons" / kind / "tiny", tmp_path / kind / "tiny",
                        ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    solutions, exercises = tmp_path / "solutions" / "tiny", tmp_path / "exercises" / "tiny"
    toml = solutions / "lesson.toml"
    toml.write_text('notebook = "tiny.ipynb"\n' + toml.read_text(encoding="utf-8"), encoding="utf-8")
    return solutions, exercises


def test_both_notebooks_are_written_once_and_then_do_not_differ(lesson_with_a_notebook: tuple[Path, Path]) -> None:
    solutions, exercises = lesson_with_a_notebook
    written = write_exercises(solutions, exercises)
    assert written == [
        f"wrote {path}" for path in (exercises / "lesson.toml", exercises / "tiny.ipynb", solutions / "tiny.ipynb")
    ]
    assert drift(solutions, exercises) == []
    assert write_exercises(solutions, exercises) == []


@pytest.mark.parametrize("kind", ["solutions", "exercises"])
def test_a_notebook_that_was_edited_by_hand_is_noticed(kind: str, lesson_with_a_notebook: tuple[Path, Path]) -> None:
    solutions, exercises = lesson_with_a_notebook
    write_exercises(solutions, exercises)
    book = (solutions if kind == "solutions" else exercises) / "tiny.ipynb"
    book.write_text(book.read_text(encoding="utf-8").replace("Helper functions", "Helpers"), encoding="utf-8")
    found = drift(solutions, exercises)
    assert len(found) == 1
    assert str(book) in found[0]


def _spoilt(book: Path, old: str, new: str) -> None:
    text = book.read_text(encoding="utf-8")
    assert old in text
    book.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('raise NotImplementedError(\\"dshare\\")', "return square"),
        ('raise NotImplementedError(\\"dshare\\")', "return ("),
        ('"check(dshare)"', '"def helper(x):\\n    return 2 * x"'),
        ('"cells"', '"celled"'),
    ],
    ids=["an answer", "half an answer", "a helper", "a damaged file"],
)
def test_a_notebook_that_holds_answers_is_not_overwritten(
    old: str, new: str, lesson_with_a_notebook: tuple[Path, Path]
) -> None:
    solutions, exercises = lesson_with_a_notebook
    write_exercises(solutions, exercises)
    book = exercises / "tiny.ipynb"
    _spoilt(book, old, new)
    before = book.read_bytes()
    with pytest.raises(KitError, match=r"tiny\.ipynb holds answers"):
        write_exercises(solutions, exercises)
    assert book.read_bytes() == before


def test_a_notebook_that_was_only_run_is_written_anew(lesson_with_a_notebook: tuple[Path, Path]) -> None:
    solutions, exercises = lesson_with_a_notebook
    write_exercises(solutions, exercises)
    _spoilt(
        exercises / "tiny.ipynb",
        '"outputs": []',
        '"outputs": [{"output_type": "stream", "name": "stdout", "text": ""}]',
    )
    assert write_exercises(solutions, exercises) == [f"wrote {exercises / 'tiny.ipynb'}"]


@pytest.mark.parametrize("name", ["tiny", "../tiny.ipynb", "a/tiny.ipynb"])
def test_a_notebook_is_named_as_a_file_of_the_lesson(name: str, lesson_with_a_notebook: tuple[Path, Path]) -> None:
    toml = lesson_with_a_notebook[0] / "lesson.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace("tiny.ipynb", name), encoding="utf-8")
    with pytest.raises(KitError, match=r"expected a file name that ends with \.ipynb") as caught:
        load_lesson(toml.parent)
    assert caught.value.where == f"{toml}:1"
