"""The engine knows nothing of this network: under other names it grades the same, and no source names it."""

from __future__ import annotations

import io
import re
import tokenize
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.commands.lesson import verify, write_exercises
from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.lesson import Lesson, load_lesson
from grader.lesson.stubs import stub_text
from grader.results.model import StepResult, SubmissionResult
from grader.submission.find import submission_at
from grader.warm.client import Warm
from tests.support import PRELUDE, ROOT

SOLUTIONS = ROOT / "solutions" / "mlp"
WRONG = Path(__file__).parent / "corpus" / "wrong"
ASKED = 40  # wrong answers, spread evenly over the corpus


def _renaming(lesson: Lesson, prefix: str = "z") -> dict[str, str]:
    """Old name -> new name for everything that is the lesson's own: emb -> q14, demb -> dq14, ex1_chain -> z34."""
    own = [*lesson.sizes, *lesson.inputs, *lesson.graph.by_tensor]
    names = {name: f"q{number}" for number, name in enumerate(own)}
    gradients = {f"d{name}": f"d{new}" for name, new in names.items()}
    functions = {exercise.function: "backwards" for exercise in lesson.exercises if exercise.function}
    files = {exercise.name: f"{prefix}{number}" for number, exercise in enumerate(lesson.exercises, start=len(own))}
    return names | gradients | functions | files


def _in_text(text: str, names: Mapping[str, str]) -> str:
    """Whole words in prose and in data; the key `loss` belongs to the schema."""
    words = re.compile(rf"(?P<key>^loss(?= = ))|\b(?:{'|'.join(map(re.escape, names))})\b", re.MULTILINE)
    return words.sub(lambda found: found[0] if found["key"] else names[found[0]], text)


def _in_code(code: str, names: Mapping[str, str]) -> str:
    """Names that are no attributes, and whole words of docstrings: the forward lines stand there."""
    lines = code.splitlines(keepends=True)
    edits: list[tuple[tuple[int, int], tuple[int, int], str]] = []
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.NAME and before != "." and token.string in names:
            edits.append((token.start, token.end, names[token.string]))
        elif token.type == tokenize.STRING and token.string.startswith('"""'):
            edits.append((token.start, token.end, _in_text(token.string, names)))
        before = token.string
    for (row, column), (last, end), new in reversed(edits):
        lines[row - 1 : last] = [lines[row - 1][:column] + new + lines[last - 1][end:]]
    return "".join(lines)


@dataclass(frozen=True)
class Renamed:
    """The lesson mlp under other names, in a folder of its own."""

    folder: Path
    names: Mapping[str, str]
    lesson: Lesson


def _write_renamed(lesson: Lesson, folder: Path, prefix: str = "z") -> Renamed:
    """The solutions and lesson.toml under other names."""
    names = _renaming(lesson, prefix)
    folder.mkdir(parents=True)
    for old in ["forward", *(exercise.name for exercise in lesson.exercises)]:
        code = (SOLUTIONS / f"{old}.py").read_text(encoding="utf-8")
        (folder / f"{names.get(old, old)}.py").write_text(_in_code(code, names), encoding="utf-8")
    text = (SOLUTIONS / "lesson.toml").read_text(encoding="utf-8")
    (folder / "lesson.toml").write_text(_in_text(text, names), encoding="utf-8")
    return Renamed(folder, names, load_lesson(folder))


@pytest.fixture(scope="module")
def renamed(lesson: Lesson, tmp_path_factory: pytest.TempPathFactory) -> Renamed:
    return _write_renamed(lesson, tmp_path_factory.mktemp("renamed") / "other")


@pytest.fixture(scope="module")
def renamed_judge(renamed: Renamed, warm: Warm) -> Judge:
    return Judge(renamed.lesson, 0, warm)


def _steps(result: SubmissionResult) -> dict[str, StepResult]:
    return {f"{exercise.exercise}.{step.step}": step for exercise in result.exercises for step in exercise.steps}


def test_no_name_of_the_lesson_is_left(renamed: Renamed, lesson: Lesson) -> None:
    assert not renamed.lesson.graph.tensors & lesson.graph.tensors
    assert not set(renamed.lesson.sizes) & set(lesson.sizes)
    kept = {step.path for step in renamed.lesson.steps} & {step.path for step in lesson.steps}
    assert kept == set()
    for path in renamed.folder.glob("*.py"):
        tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
        words = {token.string for token in tokens if token.type == tokenize.NAME}
        assert words & set(renamed.names) <= set(), f"{path.name} still holds an old name"


def test_the_solutions_pass_under_other_names(renamed: Renamed, renamed_judge: Judge) -> None:
    result = renamed_judge.judge(Request(submission_at(renamed.folder, renamed.lesson), is_check=True))
    assert {path: step.message for path, step in _steps(result).items() if not step.passes} == {}
    assert result.score == renamed.lesson.max_score == 44
    assert result.chain_reaches == renamed.names["dC"]


def test_the_stubs_are_missing_under_other_names(renamed: Renamed, renamed_judge: Judge, tmp_path: Path) -> None:
    for exercise in renamed.lesson.exercises:
        text = (renamed.folder / exercise.file).read_text(encoding="utf-8")
        (tmp_path / exercise.file).write_text(stub_text(text, exercise.file), encoding="utf-8")
    result = renamed_judge.judge(Request(submission_at(tmp_path, renamed.lesson), mends=False))
    assert {step.verdict for step in _steps(result).values()} == {"missing"}


@pytest.mark.parametrize("prefix", ["exq", "z"])
def test_lesson_check_finds_nothing_wrong_under_other_names(prefix: str, lesson: Lesson, tmp_path: Path) -> None:
    solutions, exercises = tmp_path / "solutions" / "other", tmp_path / "exercises" / "other"
    _write_renamed(lesson, solutions, prefix)
    assert len(write_exercises(solutions, exercises)) == 8  # with a notebook of each
    assert verify(solutions, exercises) == []


@dataclass(frozen=True)
class Sample:
    """One answer of the corpus."""

    exercise: str
    step: str
    name: str
    verdict: str
    code: str


def _samples() -> list[Sample]:
    found = [
        Sample(file.stem, answer["step"], answer["name"], answer["verdict"], answer["code"])
        for file in sorted(WRONG.glob("*.toml"))
        for answer in tomllib.loads(file.read_text(encoding="utf-8"))["answer"]
    ]
    return found[:: len(found) // ASKED]


@pytest.mark.parametrize("sample", _samples(), ids=lambda sample: f"{sample.exercise}.{sample.step}: {sample.name}")
def test_a_wrong_answer_gets_the_same_verdict_and_diagnosis_under_other_names(
    sample: Sample, renamed: Renamed, renamed_judge: Judge, judge: Judge, lesson: Lesson, tmp_path: Path
) -> None:
    old = _judged(judge, lesson, tmp_path / "old", sample.exercise, sample.step, sample.code)
    names = renamed.names
    exercise, step = names[sample.exercise], names.get(sample.step, sample.step)
    new = _judged(renamed_judge, renamed.lesson, tmp_path / "new", exercise, step, _in_code(sample.code, names))
    assert new == old
    assert {verdict for verdict, _ in new} == {sample.verdict}


def _judged(
    judge: Judge, lesson: Lesson, folder: Path, exercise: str, step: str, code: str
) -> list[tuple[str, str | None]]:
    """(verdict, tag) of one step; of all gradient steps of the exercise for '*'."""
    folder.mkdir()
    (folder / f"{exercise}.py").write_text(PRELUDE + code, encoding="utf-8")
    asked = [found for found in lesson.exercise(exercise).gradient_steps if step in ("*", found.name)]
    result = judge.judge(Request(submission_at(folder, lesson), frozenset(found.path for found in asked), mends=False))
    steps = _steps(result)
    return [(steps[found.path].verdict, _tag(steps[found.path])) for found in asked]


def _tag(step: StepResult) -> str | None:
    return step.mistake.tag if step.mistake else None


def test_the_wrong_answers_of_this_test_are_of_every_exercise_and_verdict() -> None:
    samples = _samples()
    assert len(samples) >= 30
    assert {sample.exercise for sample in samples} == {file.stem for file in WRONG.glob("*.toml")}
    assert {sample.verdict for sample in samples} == {"wrong", "shape", "mutates", "hard-coded", "error"}


# Words of the lesson that are everyday English or mathematics as well, and so prove nothing.
EVERYDAY = frozenset({"n", "h", "C", "loss", "counts", "gradients"})
# Examples in help texts, docstrings and comments; no code, and no data.
EXAMPLES = {
    "cli.py": {"dlogits", "dprobs", "ex2_cross_entropy"},
    "commands/steps.py": {"dlogits", "dprobs", "ex1_chain", "ex2_cross_entropy"},
    "export/words.py": {"dW2", "dprobs", "ex1_chain"},
    "downloads/tree.py": {"ex1_chain"},
    "judge/diagnosis/look.py": {"bndiff", "bnraw", "bnvar_inv"},
    "jupyter/__init__.py": {"dprobs"},
    "jupyter/answer.py": {"dlogits", "ex2_cross_entropy"},
    "jupyter/kit.py": {"dprobs"},
    "lesson/expression.py": {"block_size", "n_embd"},
    "lesson/graph.py": {"counts_sum_inv", "logprobs", "probs"},
    "lesson/model.py": {"dprobs", "probs"},
    "lesson/notebook.py": {"dlogits", "dprobs", "ex2_cross_entropy"},
    "report/glance.py": {"ex1_chain"},
    "report/graph.py": {"ex1_chain"},
    "report/terminal.py": {"dprobs"},
    "results/model.py": {"ex1_chain"},
    "results/progress.py": {"dprobs", "ex1_chain"},
    "scope.py": {"dhpreact"},
    "submission/answers.py": {"dprobs"},
    "submission/notebook.py": {"dlogits", "ex2_cross_entropy"},
    "judge/flat.py": {"dprobs", "probs"},
    "runner/opening.py": {"W1", "dW1"},
    "submission/flatform.py": {"W1", "dC", "dprobs", "probs", "db1", "dW1"},
    "submission/reach.py": {"dprobs"},
    "watch/picture.py": {"ex1_chain"},
    "runner/involved.py": {"W2", "dlogits"},
}


def _specific(lesson: Lesson) -> set[str]:
    names = set(_renaming(lesson)) - EVERYDAY - {f"d{name}" for name in EVERYDAY}
    assert {"embcat", "bnvar_inv", "logit_maxes", "norm_logits", "counts_sum", "Xb", "W1", "n_hidden"} <= names
    return names


def test_no_source_file_of_the_engine_mentions_a_tensor_of_this_network(lesson: Lesson) -> None:
    mentioned = re.compile(rf"\b(?:{'|'.join(_specific(lesson))})\b")
    package = ROOT / "grader"
    sources = {
        str(path.relative_to(package)): path.read_text(encoding="utf-8")
        for path in package.rglob("*")
        if path.suffix in {".py", ".toml", ".html", ".js", ".css"}
    }
    found = {file: set(mentioned.findall(text)) - EXAMPLES.get(file, set()) for file, text in sources.items()}
    assert len(found) > 50
    assert {file: words for file, words in found.items() if words} == {}


def test_no_code_of_the_engine_mentions_a_tensor_of_this_network_even_as_an_example(lesson: Lesson) -> None:
    names = _specific(lesson)
    for file in EXAMPLES:
        path = ROOT / "grader" / file
        tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
        assert not names & {token.string for token in tokens if token.type == tokenize.NAME}, file
