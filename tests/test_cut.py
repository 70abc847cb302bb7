"""The exercises are what is cut from the solutions, and nobody's answers are lost in the cutting."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grader.commands.lesson import write_exercises
from grader.errors import USAGE, KitError
from grader.invocation import command
from grader.judge.draw import draw_inputs
from grader.lesson import Lesson, load_lesson
from grader.lesson.cut import cut_lesson, drift
from grader.lesson.drift import require_in_sync
from grader.lesson.expression import whole
from grader.lesson.network import Network
from grader.lesson.stubs import stub_text
from grader.submission.answers import callables, is_stub
from tests.support import ROOT, run_grader

TINY = ROOT / "tests" / "lessons" / "exercises" / "tiny"
MLP = ROOT / "exercises" / "mlp"
LESSONS = pytest.mark.parametrize("exercises", [MLP, TINY], ids=lambda folder: folder.name)


def _solutions(exercises: Path) -> Path:
    return exercises.parent.parent / "solutions" / exercises.name


def _copy(exercises: Path, folder: Path) -> tuple[Path, Path]:
    """A copy of a lesson to spoil: (solutions, exercises)."""
    for source, kind in ((_solutions(exercises), "solutions"), (exercises, "exercises")):
        shutil.copytree(source, folder / kind / exercises.name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "solutions" / exercises.name, folder / "exercises" / exercises.name


@pytest.fixture
def tiny(tmp_path: Path) -> tuple[Path, Path]:
    return _copy(TINY, tmp_path)


# --- drift ------------------------------------------------------------------------------------------------


@LESSONS
def test_the_exercises_are_what_is_cut_from_the_solutions(exercises: Path) -> None:
    assert drift(_solutions(exercises), exercises) == []


def test_a_changed_stub_is_noticed(tiny: tuple[Path, Path]) -> None:
    solutions, exercises = tiny
    stub = exercises / "ex_walk.py"
    stub.write_text(stub.read_text(encoding="utf-8").replace("Given: square", "Given: squares"), encoding="utf-8")
    assert drift(solutions, exercises) == [f"{stub} differs from what is cut from {solutions / 'ex_walk.py'}"]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("ex_walk.py", "def dshare(square:", "def dshare(worth:"),
        ("ex_walk.py", "    # END SOLUTION\n", "    # END SOLUTION\n    # a last word\n"),
        ("lesson.toml", "points = 3", "points = 4"),
        ("forward.py", "0.5", "0.25"),
    ],
)
def test_a_change_of_the_solutions_is_noticed_in_what_the_student_sees(
    file: str, old: str, new: str, tiny: tuple[Path, Path]
) -> None:
    solutions, exercises = tiny
    text = (solutions / file).read_text(encoding="utf-8")
    (solutions / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    assert drift(solutions, exercises) == [f"{exercises / file} differs from what is cut from {solutions / file}"]


def test_a_change_within_a_solution_changes_no_exercise(tiny: tuple[Path, Path]) -> None:
    solutions, exercises = tiny
    text = (solutions / "ex_walk.py").read_text(encoding="utf-8")
    (solutions / "ex_walk.py").write_text(text.replace("return square", "return 1 * square"), encoding="utf-8")
    assert drift(solutions, exercises) == []


def test_a_file_without_a_counterpart_is_noticed_on_either_side(tiny: tuple[Path, Path]) -> None:
    solutions, exercises = tiny
    (exercises / "ex_old.py").write_text("", encoding="utf-8")
    (exercises / "notes.txt").write_text("", encoding="utf-8")
    (exercises / "ex_fit.py").unlink()
    assert drift(solutions, exercises) == [
        f"{exercises / 'ex_fit.py'} is missing",
        f"{exercises / 'ex_old.py'} has no counterpart in {solutions}",
        f"{exercises / 'notes.txt'} has no counterpart in {solutions}",
    ]


def test_an_exercise_folder_that_is_not_there_lacks_every_file(tiny: tuple[Path, Path]) -> None:
    solutions, exercises = tiny
    shutil.rmtree(exercises)
    assert drift(solutions, exercises) == [f"{exercises / name} is missing" for name in sorted(cut_lesson(solutions))]


def test_a_lesson_without_solutions_cannot_be_cut(tmp_path: Path) -> None:
    with pytest.raises(KitError, match="there is no") as caught:
        cut_lesson(tmp_path / "solutions" / "none")
    assert caught.value.exit_code == USAGE


# --- grading by what the solutions say --------------------------------------------------------------------


@dataclass(frozen=True)
class Edit:
    """One edit of a lesson, and what is said of it ('' where it does not matter)."""

    name: str
    kind: str  # exercises, solutions
    file: str
    old: str
    new: str
    says: str = ""


EDITS = (
    Edit("points", "solutions", "lesson.toml", "points = 3", "points = 4",
         "exercises.ex_fused.steps.dslope.points: 3, in solutions/ 4"),
    Edit("points in the exercises alone", "exercises", "lesson.toml", "points = 3", "points = 4",
         "exercises.ex_fused.steps.dslope.points: 4, in solutions/ 3"),
    Edit("a limit", "solutions", "lesson.toml", "memory_mib = 1900", "memory_mib = 4096",
         "limits.memory_mib: 1900, in solutions/ 4096"),
    Edit("a credit that is gone", "solutions", "lesson.toml", "shape = 0.25\n", "",
         "credit.shape: 0.25, in solutions/ nothing"),
    Edit("a new credit", "solutions", "lesson.toml", "[vocabulary]", "hard-coded = 1\n\n[vocabulary]",
         "credit.hard-coded: nothing, in solutions/ 1"),
    Edit("a case", "solutions", "lesson.toml", 'name = "few kinds"', 'name = "two kinds"', "cases.few kinds: "),
    Edit("not TOML", "solutions", "lesson.toml", "[limits]", "[limits", "lesson.toml in "),
    Edit("the network", "solutions", "forward.py", "0.5", "0.25", "forward.py in "),
    Edit("an answer", "exercises", "ex_walk.py", 'raise NotImplementedError("dshare")', "return square"),
    Edit("a docstring of the solutions", "solutions", "ex_walk.py", "The walk back", "The way back"),
    Edit("other line ends", "exercises", "lesson.toml", "\n", "\r\n"),
)  # fmt: skip


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_a_lesson_is_not_graded_by_what_differs_from_its_solutions(edit: Edit, tiny: tuple[Path, Path]) -> None:
    _, exercises = tiny
    lesson = load_lesson(exercises)
    require_in_sync(lesson)
    file = exercises.parent.parent / edit.kind / "tiny" / edit.file
    text = file.read_text(encoding="utf-8")
    assert edit.old in text
    file.write_bytes(text.replace(edit.old, edit.new).encode())
    if not edit.says:
        require_in_sync(lesson)
        return
    with pytest.raises(KitError) as caught:
        require_in_sync(lesson)
    assert edit.says in caught.value.what
    assert caught.value.exit_code == USAGE
    assert f"{command('lesson', LESSON=str(exercises.resolve()))} " in caught.value.mend


def test_a_lesson_that_has_a_file_less_than_its_solutions_is_not_graded_by(tiny: tuple[Path, Path]) -> None:
    solutions, exercises = tiny
    (solutions / "train.py").write_text("", encoding="utf-8")
    with pytest.raises(KitError, match=r"^train\.py in "):
        require_in_sync(load_lesson(exercises))


@pytest.mark.parametrize("kind", ["no solutions", "the solutions themselves"])
def test_where_there_is_nothing_to_compare_nothing_is_said(kind: str, tiny: tuple[Path, Path]) -> None:
    solutions, exercises = tiny
    (exercises / "lesson.toml").write_text("", encoding="utf-8")
    lesson = load_lesson(solutions)
    if kind == "no solutions":
        shutil.copytree(solutions, exercises, dirs_exist_ok=True)
        shutil.rmtree(solutions)
        lesson = load_lesson(exercises)
    require_in_sync(lesson)


@pytest.mark.parametrize(
    ("command", "code"), [(("grade", "."), 2), (("export", "gradescope"), 2), (("check", "dshare"), 1)]
)
def test_grade_and_gradescope_refuse_and_check_warns(
    command: tuple[str, ...], code: int, tiny: tuple[Path, Path], tmp_path: Path
) -> None:
    solutions, exercises = tiny
    _answer(solutions, "points = 3", "points = 4", "lesson.toml")
    ran = run_grader(*command, "--lesson", exercises, cwd=tmp_path)
    assert ran.returncode == code, ran.stderr
    assert "points: 3, in solutions/ 4" in ran.stderr
    assert f"python -m grader lesson --lesson {exercises.resolve()} " in ran.stderr
    assert not (tmp_path / "autograder.zip").exists()


# --- markers ----------------------------------------------------------------------------------------------

FUNCTION = "def dy(dz):\n"
BEGIN, END = "    # BEGIN SOLUTION\n", "    # END SOLUTION\n"


def test_a_solution_becomes_an_error_that_names_its_function_and_the_rest_stays() -> None:
    text = f'"""About."""\n\n{FUNCTION}    """Doc."""\n{BEGIN}    # why\n    return dz\n{END}\n\nLAST = 1\n'
    assert stub_text(text, "ex.py") == (
        f'"""About."""\n\n{FUNCTION}    """Doc."""\n    raise NotImplementedError("dy")\n\n\nLAST = 1\n'
    )


def test_each_of_two_solutions_is_cut_by_itself() -> None:
    two = "".join(f"def {name}(x):\n{BEGIN}    return x\n{END}\n" for name in ("first", "second"))
    errors = [line.strip() for line in stub_text(two, "ex.py").splitlines() if "raise" in line]
    assert errors == ['raise NotImplementedError("first")', 'raise NotImplementedError("second")']


LEFT_MARGIN = "markers at the left margin are taken for comments, so that the solution stays in the exercise"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (FUNCTION + BEGIN + "    return 1\n", 2, "# BEGIN SOLUTION is never ended"),
        (FUNCTION + BEGIN + END + FUNCTION + BEGIN, 5, "# BEGIN SOLUTION is never ended"),
        (FUNCTION + "    return 1\n" + END, 3, "# END SOLUTION without # BEGIN SOLUTION"),
        (FUNCTION + BEGIN + END + END, 4, "# END SOLUTION without # BEGIN SOLUTION"),
        (FUNCTION + BEGIN + "    x = 1\n" + BEGIN + END, 4, "inside another solution"),
        ("if True:\n" + BEGIN + "    x = 1\n" + END, 2, "stands outside a function"),
        pytest.param(
            "x = 1\n# BEGIN SOLUTION\ny = 2\n# END SOLUTION\n", 2, "stands outside a function",
        ),
    ],
)  # fmt: skip
def test_markers_that_do_not_match_are_refused_with_file_and_line(
    text: str, line: int, says: str, tiny: tuple[Path, Path]
) -> None:
    solutions, _ = tiny
    file = solutions / "ex_walk.py"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(KitError) as caught:
        cut_lesson(solutions)
    assert (caught.value.exit_code, caught.value.where) == (USAGE, f"{file}:{line}")
    assert says in caught.value.what


# --- nobody's answers are lost ----------------------------------------------------------------------------


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def _answer(exercises: Path, old: str, new: str, name: str = "ex_walk.py") -> None:
    file = exercises / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    "answer",
    ["return square", "return None", "return open('x')", "return (", "x = square"],
    ids=["right", "wrong", "forbidden", "not Python", "half an answer"],
)
def test_an_exercise_file_with_an_answer_of_any_kind_is_not_overwritten(answer: str, tiny: tuple[Path, Path]) -> None:
    solutions, exercises = tiny
    _answer(exercises, 'raise NotImplementedError("dshare")', answer)
    _answer(exercises.parent.parent / "solutions" / "tiny", "The walk back", "The way back")
    before = _contents(exercises)
    with pytest.raises(KitError, match=r"ex_walk\.py holds answers; cutting the exercises anew would lose them"):
        write_exercises(solutions, exercises)
    assert _contents(exercises) == before


def test_an_exercise_file_that_is_not_utf8_is_not_overwritten_either(tiny: tuple[Path, Path]) -> None:
    solutions, exercises = tiny
    with (exercises / "ex_walk.py").open("ab") as file:
        file.write(b"# caf\xe9\n")
    before = _contents(exercises)
    with pytest.raises(KitError, match=r"ex_walk\.py"):
        write_exercises(solutions, exercises)
    assert _contents(exercises) == before


def test_the_command_refuses_and_leaves_every_file_as_it_was(tiny: tuple[Path, Path]) -> None:
    solutions, exercises = tiny
    _answer(exercises, 'raise NotImplementedError("dprice")', "return 1 * drate")
    (solutions / "forward.py").write_text("# changed\n" + (solutions / "forward.py").read_text("utf-8"), "utf-8")
    before = _contents(exercises)
    ran = run_grader("lesson", "--lesson", exercises)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        f"grader lesson: {exercises / 'ex_walk.py'} holds answers; cutting the exercises anew would lose them\n"
        "  move that file away first, then run this again\n"
    )
    assert _contents(exercises) == before


@pytest.mark.parametrize(("lesson", "place"), [("tiny", TINY.parent), (".", TINY)])
def test_the_command_takes_every_folder_that_check_takes(lesson: str, place: Path) -> None:
    ran = run_grader("lesson", "--check", "--lesson", lesson, cwd=place)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_what_differs_is_written_and_nothing_else(tiny: tuple[Path, Path]) -> None:
    solutions, exercises = tiny
    (exercises / "ex_fused.py").unlink()
    _answer(solutions, "The walk back", "The way back")
    written = write_exercises(solutions, exercises)
    assert written == [f"wrote {exercises / 'ex_fused.py'}", f"wrote {exercises / 'ex_walk.py'}"]
    assert drift(solutions, exercises) == []
    assert write_exercises(solutions, exercises) == []


# --- what a stub shows ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stub:
    """One function of an exercise file, and the steps it answers."""

    lesson: Lesson
    exercise: str
    function: ast.FunctionDef
    tensors: tuple[str, ...]

    @property
    def doc(self) -> str:
        return " ".join((ast.get_docstring(self.function) or "").split())


def _stubs() -> Iterator[Any]:
    for folder in (MLP, TINY):
        lesson = load_lesson(folder)
        for exercise in lesson.exercises:
            tree = ast.parse((folder / exercise.file).read_text(encoding="utf-8"))
            functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
            assert tuple(functions) == callables(exercise)
            for name, function in functions.items():
                steps = exercise.gradient_steps
                tensors = tuple(step.tensor for step in steps if exercise.function or step.name == name)
                stub = Stub(lesson, exercise.name, function, tensors)
                yield pytest.param(stub, id=f"{lesson.name}/{exercise.name}.{name}")


STUBS = pytest.mark.parametrize("stub", list(_stubs()))


@LESSONS
def test_every_exercise_file_is_python(exercises: Path) -> None:
    for path in sorted(exercises.glob("*.py")):
        compile(path.read_text(encoding="utf-8"), str(path), "exec")


@STUBS
def test_a_stub_raises_with_its_own_name_and_does_nothing_else(stub: Stub) -> None:
    assert is_stub(stub.function)
    assert ast.unparse(stub.function.body[-1]) == f"raise NotImplementedError('{stub.function.name}')"
    assert len(stub.function.body) == 2


@STUBS
def test_a_stub_shows_the_shape_of_what_it_asks_for(stub: Stub) -> None:
    shapes = _shapes(stub.lesson)
    single = rf"gradient w\.r\.t\. {stub.tensors[0]}, (\([^()]*\))"
    patterns = [single] if len(stub.tensors) == 1 else [rf"\bd{tensor} (\([^()]*\))" for tensor in stub.tensors]
    for tensor, pattern in zip(stub.tensors, patterns, strict=True):
        shown = re.search(pattern, stub.doc)
        assert shown, f"d{tensor}"
        assert _evaluated(shown[1], stub.lesson) == shapes[tensor], f"d{tensor}"


@STUBS
def test_a_stub_shows_what_it_is_given_with_its_shape(stub: Stub) -> None:
    """Every parameter, in order, as `name (shape)`; sizes by their name alone."""
    shapes = _shapes(stub.lesson)
    given = re.search(r"Given: (.*?)\.(?: Watch|$)", stub.doc)
    assert given
    shown = re.findall(r"(\w+)(?: (\([^()]*\)))?(?:, |$)", given[1])
    assert [name for name, _ in shown] == [argument.arg for argument in stub.function.args.args]
    for name, shape in shown:
        tensor = name if name in shapes else name.removeprefix("d")
        assert (_evaluated(shape, stub.lesson) if shape else None) == shapes.get(tensor), name


@STUBS
def test_a_stub_shows_the_forward_lines_it_goes_back_through(stub: Stub) -> None:
    if len(stub.tensors) > 1:
        assert "All of forward.py" in stub.doc
        return
    for line in _lines_between(stub):
        assert line in stub.doc


def _lines_between(stub: Stub) -> list[str]:
    """The lines from the tensor to the gradients that the stub is given, or to the loss."""
    graph = stub.lesson.graph
    cuts = {argument.arg.removeprefix("d") for argument in stub.function.args.args if argument.arg not in graph.tensors}
    found: dict[str, str] = {}
    waiting = [stub.tensors[0]]
    while waiting:
        for user in graph.users[waiting.pop()]:
            if user.tensor not in found:
                found[user.tensor] = user.source
                waiting += [user.tensor] if user.tensor not in cuts else []
    return list(found.values())


def _shapes(lesson: Lesson) -> dict[str, tuple[int, ...]]:
    values = Network(lesson.graph).forward(draw_inputs(lesson.public_case, "shapes"), lesson.sizes)
    return {name: tuple(value.shape) for name, value in values.items()}


def _evaluated(shape: str, lesson: Lesson) -> tuple[int, ...]:
    return tuple(whole(length.strip(), lesson.sizes) for length in shape.strip("()").split(",") if length.strip())


@LESSONS
def test_every_step_has_three_hints_and_each_says_something(exercises: Path) -> None:
    for step in load_lesson(exercises).steps:
        assert [bool(hint.strip()) for hint in step.hints] == [True, True, True], step.path
        assert len(set(step.hints)) == 3, step.path
