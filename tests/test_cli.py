"""The real command line: what is printed, what is written, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from rich.console import Console

from grader import __version__
from grader.cli import main
from grader.lesson import Lesson
from grader.report.terminal import show_class, show_faults, show_notes
from grader.results.model import VERDICTS, SubmissionResult
from grader.results.store import RunFolder
from grader.results.summary import summary_of
from tests.support import ROOT, run_grader

SOLUTIONS = ROOT / "solutions" / "mlp"
EXERCISES = ROOT / "exercises" / "mlp"
EX2_RIGHT = (SOLUTIONS / "ex2_cross_entropy.py").read_text(encoding="utf-8")
DPROBS = "def dprobs(dlogprobs, probs):\n    return dlogprobs / probs\n"

Process = subprocess.CompletedProcess[str]
Steps = Mapping[str, dict[str, Any]]


def grade_or_check(*arguments: str | Path, code: int, cwd: Path = ROOT) -> Process:
    """Runs the command line, which has to end with this exit code and in order."""
    process = run_grader(*arguments, cwd=cwd)
    assert process.returncode == code, process.stdout + process.stderr
    assert_in_order(process.stdout + process.stderr)
    return process


def assert_in_order(output: str) -> None:
    """No traceback of ours, and nothing that steers a terminal."""
    assert "Traceback" not in output
    steering = {sign for sign in output if not sign.isprintable() and sign != "\n"}
    assert not steering, output


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What main says that cannot do its work: exit code 2, a message on stderr, nothing on stdout."""
    with pytest.raises(SystemExit) as raised:  # argparse raises it, too
        sys.exit(main(arguments))
    printed = capsys.readouterr()
    assert raised.value.code == 2, printed
    assert printed.out == ""
    assert_in_order(printed.err)
    return printed.err


def steps_of(result: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{e['exercise']}.{s['step']}": s for e in result["exercises"] for s in e["steps"]}


def verdicts_of(result: Mapping[str, Any]) -> dict[str, str]:
    """Verdicts by step; exact and right are one."""
    return {path: step["verdict"].replace("exact", "right") for path, step in steps_of(result).items()}


def strict_json(text: str) -> dict[str, Any]:
    """JSON without NaN and Infinity."""

    def refuse(word: str) -> NoReturn:
        raise AssertionError(f"{word} is no JSON")

    value: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return value


# --- the contract of results.json -------------------------------------------------------------------------

NUMBER = (int, float)
NOTHING = type(None)
RESULT_FIELDS = {
    "schema": int, "kit": str, "lesson": str, "submission": str, "seed": int, "isolation": list,
    "score": NUMBER, "max_score": NUMBER, "chain": dict, "notes": list, "exercises": list,
}  # fmt: skip
EXERCISE_FIELDS = {"exercise": str, "score": NUMBER, "max_score": NUMBER, "steps": list}
STEP_FIELDS = {
    "step": str, "verdict": str, "credit": NUMBER, "points": NUMBER, "float32": (dict, NOTHING),
    "scaled_error": (float, NOTHING), "worst_index": (list, NOTHING), "got": (float, NOTHING),
    "expected": (float, NOTHING), "message": str, "mistake": (dict, NOTHING), "line": (int, NOTHING),
    "output": str, "note": (str, NOTHING), "instructor": dict,
}  # fmt: skip
FLOAT32_FIELDS = {"exact": bool, "approximate": bool, "max_diff": (float, NOTHING)}
MISTAKE_FIELDS = {"tag": str, "help": str}
INSTRUCTOR_FIELDS = {"mend": (str, NOTHING), "suspected": (str, NOTHING), "cases": list}


def assert_fields(value: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    for name, kind in fields.items():
        assert name in value, f"{name} is missing in {value}"
        assert isinstance(value[name], kind), f"{name} is {value[name]!r}"


def assert_contract(result: Mapping[str, Any], lesson: Lesson) -> None:
    """Every field of design.md's results.json, and sums that agree."""
    assert_fields(result, RESULT_FIELDS)
    assert (result["schema"], result["kit"], result["lesson"]) == (1, __version__, "mlp")
    assert set(result["chain"]) == {"reaches"}
    assert "process" in result["isolation"]
    assert all(isinstance(text, str) for text in (*result["isolation"], *result["notes"]))
    assert result["score"] == pytest.approx(sum(exercise["score"] for exercise in result["exercises"]))
    assert result["max_score"] == pytest.approx(sum(exercise["max_score"] for exercise in result["exercises"]))
    for exercise in result["exercises"]:
        assert_exercise(exercise, lesson)


def assert_exercise(exercise: Mapping[str, Any], lesson: Lesson) -> None:
    assert_fields(exercise, EXERCISE_FIELDS)
    known = [step.name for step in lesson.exercise(exercise["exercise"]).steps]
    assert [name for name in known if name in {step["step"] for step in exercise["steps"]}] == [
        step["step"] for step in exercise["steps"]
    ]
    assert exercise["score"] == pytest.approx(sum(s["credit"] * s["points"] for s in exercise["steps"]))
    assert exercise["max_score"] == pytest.approx(sum(s["points"] for s in exercise["steps"]))
    for step in exercise["steps"]:
        assert_step(step)


def assert_step(step: Mapping[str, Any]) -> None:
    assert_fields(step, STEP_FIELDS)
    assert_fields(step["instructor"], INSTRUCTOR_FIELDS)
    assert step["verdict"] in VERDICTS
    assert 0 <= step["credit"] <= 1
    if step["float32"]:
        assert_fields(step["float32"], FLOAT32_FIELDS)
    if step["mistake"]:
        assert_fields(step["mistake"], MISTAKE_FIELDS)
    if step["verdict"] not in ("right", "exact"):
        assert step["message"]
    if step["worst_index"] is not None:
        assert all(isinstance(number, int) for number in step["worst_index"])


# --- --help, --version, usage -----------------------------------------------------------------------------


def test_help_and_version_mention_every_command() -> None:
    text = grade_or_check("--help", code=0).stdout
    for command in ("check", "watch", "hint", "explain", "train", "grade", "lesson", "release", "doctor"):
        assert re.search(rf"^    {command} +\w", text, re.MULTILINE), command
    assert grade_or_check("--version", code=0).stdout == f"grader {__version__}\n"


OPTIONS = {
    "check": ("--all", "--json", "--lesson", "PATH|STEP"),
    "watch": ("--lesson", "PATH"),
    "explain": ("--lesson", "STEP", "PATH"),
    "release": ("--out", "--lesson"),
    "grade": ("--out", "--jobs", "--seed", "--lesson", "PATH"),
    "hint": ("--level", "--lesson", "STEP"),
    "train": ("--names", "--steps", "--out", "--lesson", "PATH"),
    "lesson": ("--check", "--lesson"),
    "doctor": (),
}


@pytest.mark.parametrize("command", OPTIONS)
def test_the_help_of_a_command_names_its_options(command: str) -> None:
    text = grade_or_check(command, "--help", code=0).stdout
    assert all(option in text for option in OPTIONS[command])


USAGE = (
    ((), "COMMAND"),
    (("chekc",), "chekc"),
    (("grade",), "PATH"),
    (("hint",), "STEP"),
    (("check", "--nothing"), "--nothing"),
    (("grade", "x", "--jobs", "0"), "'0' is not a whole number of at least 1"),
    (("grade", "x", "--jobs", "two"), "'two' is not a whole number"),
    (("grade", "x", "--seed", "-1"), "'-1' is not a whole number of at least 0"),
    (("hint", "dprobs", "--level", "0"), "'0' is not a whole number of at least 1"),
    (("train", "--steps", "1.5"), "'1.5' is not a whole number"),
)


@pytest.mark.parametrize(("arguments", "says"), USAGE)
def test_wrong_usage_is_exit_code_2_and_names_the_argument(
    arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert says in complaint(capsys, *arguments)


# --- complaints -------------------------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Paths that hold no submission."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("x")
    (tmp_path / "file.txt").write_text("x")
    return tmp_path


COMPLAINTS = (
    (("check", "nosuch"), ("there is no step or path nosuch", "steps of mlp: dlogprobs, dprobs")),
    (("check", "dprob"), ("no step or path dprob", "did you mean dprobs")),
    (("check", "ex1_chain.dprob"), ("did you mean ex1_chain.dprobs",)),
    (("check", "ex5_nothing"), ("no step or path ex5_nothing",)),
    (("check", "dprobs", "dcuonts"), ("no step or path dcuonts", "dcounts")),
    (("check", "nowhere/at/all"), ("there is no nowhere/at/all",)),
    (("check", "nothing.py"), ("there is no nothing.py",)),
    (("check", "file.txt/ex1_chain.py"), ("there is no file.txt/ex1_chain.py",)),
    (("check", "empty"), ("empty holds none of ex1_chain.py",)),
    (("check", "texts"), ("texts holds none of ex1_chain.py",)),
    (("check", "file.txt"), ("file.txt is neither a .py file nor a notebook",)),
    (("check", "empty", "texts"), ("two paths", "grade")),
    (("check", "--lesson", "nosuch"), ("there is no lesson nosuch", "mlp")),
    (("grade", "nowhere"), ("there is no nowhere",)),
    (("grade", "file.txt/below"), ("there is no file.txt/below",)),
    (("hint", "dprob"), ("did you mean dprobs",)),
    (("hint", "ex1_chain"), ("is an exercise", "dlogprobs")),
    (("hint", "dprobs", "--level", "4"), ("has 3 levels of hints, no level 4",)),
    (("hint", "dprobs", "--lesson", "texts"), ("there is no lesson texts",)),
)


@pytest.mark.parametrize(("arguments", "says"), COMPLAINTS, ids=[" ".join(case[0]) for case in COMPLAINTS])
def test_what_cannot_be_done_is_exit_code_2_and_a_message_that_helps(
    arguments: tuple[str, ...],
    says: tuple[str, ...],
    folders: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folders)
    text = complaint(capsys, *arguments)
    assert text.startswith(f"grader {arguments[0]}: ")
    assert all(part in text for part in says), text


@pytest.mark.parametrize("path", ["empty", "texts"])
def test_a_class_without_submissions_is_exit_code_2_and_writes_nothing(path: str, folders: Path) -> None:
    process = grade_or_check("grade", path, "--out", "out", code=2, cwd=folders)
    assert f"nothing to grade under {path}" in process.stderr
    assert "ex1_chain.py" in process.stderr
    assert ("notes.txt" in process.stdout) == (path == "texts")
    assert not (folders / "out").exists()


@pytest.mark.parametrize("arguments", [("check",), ("grade",), ("hint", "dprobs", "--lesson")])
def test_a_name_that_is_too_long_is_exit_code_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no" in complaint(capsys, *arguments, "d" * 300)


def test_a_complaint_of_the_real_process_is_exit_code_2_on_stderr() -> None:
    process = grade_or_check("check", "dprob", code=2)
    assert process.stdout == ""
    assert "did you mean dprobs" in process.stderr


def test_ctrl_c_while_a_command_is_imported_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def press_ctrl_c(name: str) -> NoReturn:
        raise KeyboardInterrupt(name)

    monkeypatch.setattr("grader.cli.importlib", SimpleNamespace(import_module=press_ctrl_c))
    try:
        code = main(["doctor"])
    except KeyboardInterrupt:  # pytest would take it for its own
        code = -1
    assert code == 130


# --- hint -------------------------------------------------------------------------------------------------


def test_hints_have_three_levels_and_each_says_how_to_go_on() -> None:
    texts = [grade_or_check("hint", "dprobs", "--level", str(level), code=0).stdout for level in (1, 2, 3)]
    assert grade_or_check("hint", "dprobs", code=0).stdout == texts[0]
    assert len(set(texts)) == 3
    for level, text in enumerate(texts, 1):
        assert text.startswith(f"ex1_chain.dprobs, hint {level} of 3")
        following = f"make hint STEP=ex1_chain.dprobs LEVEL={level + 1}" if level < 3 else "make check STEP="
        assert following in text
    assert "logprobs = probs.log()" in texts[1]


def test_a_step_of_several_exercises_gets_the_hints_of_all() -> None:
    text = grade_or_check("hint", "dlogits", code=0).stdout
    assert text.index("ex1_chain.dlogits, hint 1") < text.index("ex2_cross_entropy.dlogits, hint 1")
    assert "ex1_chain" not in grade_or_check("hint", "ex2_cross_entropy.dlogits", code=0).stdout


# --- check ------------------------------------------------------------------------------------------------

HOSTILE_PRINT = "\\x1b[2J\\x1b]0;owned\\x07 \\x9b31m \\u202eevil\\u2066 \\r\\b \\x7f [red]markup[/red]"
MIXED = f"""
import torch

def dlogprobs(logprobs, Yb, n):
    print("seen")
    return torch.zeros_like(logprobs).index_put_((torch.arange(n), Yb), torch.tensor(-1.0 / n))

def dprobs(dlogprobs, probs):
    print("{HOSTILE_PRINT}")
    return -dlogprobs / probs

def dcounts_sum_inv(counts, dprobs):
    return (counts * dprobs).sum(1)

def dcounts_sum(counts_sum, dcounts_sum_inv):
    raise ValueError("{HOSTILE_PRINT}")

def dcounts(counts):
    return counts.grad

def dnorm_logits(counts, dcounts):
    return counts * dcounts * float("nan")

def dlogit_maxes(dnorm_logits):
    dnorm_logits.neg_()
    return dnorm_logits.sum(1, keepdim=True)

def dh(dlogits, W2):
    return None

def dW2(h, dlogitz):
    return h
"""
MIXED_VERDICTS = {
    "dlogprobs": "right",
    "dprobs": "wrong",
    "dcounts_sum_inv": "shape",
    "dcounts_sum": "error",
    "dcounts": "forbidden",
    "dnorm_logits": "wrong",
    "dlogit_maxes": "mutates",
    "dlogits": "missing",
    "dh": "error",
    "dW2": "error",
}


def line_of(part: str) -> int:
    return next(number for number, line in enumerate(MIXED.splitlines(), 1) if part in line)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A submission with a verdict of nearly every kind, and hostile output."""
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "ex1_chain.py").write_text(MIXED, encoding="utf-8")
    (tmp_path / "mixed" / "ex2_cross_entropy.py").write_text(EX2_RIGHT, encoding="utf-8")
    (tmp_path / "mixed" / "forward.py").write_text("# mine\n", encoding="utf-8")
    return tmp_path / "mixed"


def test_check_of_the_solution_passes_with_full_marks(lesson: Lesson) -> None:
    text = grade_or_check("check", SOLUTIONS, "--all", code=0).stdout
    for step in lesson.steps:
        assert re.search(rf"^  {step.name} +(right|exact) ", text, re.MULTILINE), step.name
    assert "44 of 44 points" in text
    assert re.search(r"your own chain reaches d?C\b", text)
    assert "next:" not in text
    assert "isolation: process" in text


def test_check_shows_verdict_fact_place_and_next_step_and_hostile_output_is_harmless(mixed: Path) -> None:
    text = grade_or_check("check", mixed, "--all", code=1).stdout
    for name, verdict in MIXED_VERDICTS.items():
        assert re.search(rf"^  {name} +{'(right|exact)' if verdict == 'right' else verdict}\b", text, re.MULTILINE), (
            name
        )
    at = rf"ex1_chain\.py(:| line ){line_of('counts.grad')}"
    assert re.search(rf"{at} .*counts\.grad is not available in a step: ", text)
    assert re.search(rf"ex1_chain\.py(:| line ){line_of('raise ValueError')}\b.* ValueError: ", text)
    assert "did you mean" in text
    assert "dlogits" in text
    assert "next: make hint STEP=dprobs   then: make check STEP=dprobs" in text
    assert "| " in text
    assert "[red]markup[/red]" in text
    assert "seen" not in text
    assert "forward.py is given by the kit" in text


def test_check_json_is_the_object_that_grade_writes_into_results_json(
    mixed: Path, tmp_path: Path, lesson: Lesson
) -> None:
    text = grade_or_check("check", mixed, "--verbose", "--json", code=1).stdout
    result = strict_json(text)
    grade_or_check("grade", mixed, "--out", tmp_path / "out", "--seed", "0", code=0)
    assert results_under(tmp_path / "out") == {"mixed": result}
    assert_contract(result, lesson)
    assert (result["submission"], result["seed"]) == ("mixed", 0)
    assert [exercise["exercise"] for exercise in result["exercises"]] == [e.name for e in lesson.exercises]
    assert result["max_score"] == 44.0
    assert result["chain"]["reaches"] == "dlogprobs"
    steps = steps_of(result)
    assert {name: verdicts_of(result)[f"ex1_chain.{name}"] for name in MIXED_VERDICTS} == MIXED_VERDICTS
    assert_details(steps)
    assert str(mixed.parent) not in text
    assert str(ROOT) not in text


def assert_details(steps: Steps) -> None:
    wrong, nan, right = (steps[f"ex1_chain.{name}"] for name in ("dprobs", "dnorm_logits", "dlogprobs"))
    assert wrong["mistake"]["tag"] == "sign"
    assert len(wrong["worst_index"]) == 2
    assert wrong["got"] == pytest.approx(-wrong["expected"])
    assert wrong["scaled_error"] > 1
    assert wrong["line"] == line_of("def dprobs")
    assert "\x1b[2J" in wrong["output"]
    assert nan["got"] is None
    assert nan["float32"] is None or nan["float32"]["max_diff"] is None
    assert (right["credit"], right["message"], right["mistake"], right["output"]) == (1.0, "", None, "seen\n")
    assert steps["ex1_chain.dcounts_sum_inv"]["credit"] == 0.5
    assert steps["ex1_chain.dlogits"]["float32"] is None
    assert steps["ex1_chain.dcounts"]["line"] == line_of("counts.grad")
    assert steps["ex4_training.training"]["verdict"] == "missing"


def test_check_takes_a_path_and_steps_exercises_and_full_names() -> None:
    arguments = ("dprobs", "ex2_cross_entropy", "ex3_batchnorm.dhprebn", "--json")
    result = strict_json(grade_or_check("check", SOLUTIONS, *arguments, code=0).stdout)
    assert list(steps_of(result)) == ["ex1_chain.dprobs", "ex2_cross_entropy.dlogits", "ex3_batchnorm.dhprebn"]
    assert set(verdicts_of(result).values()) == {"right"}
    assert (result["score"], result["max_score"], result["chain"]["reaches"]) == (9.0, 9.0, None)


def test_check_of_a_bare_step_means_every_exercise_of_the_lessons_own_folder() -> None:
    process = grade_or_check("check", "dlogits", "--json", code=1)
    result = strict_json(process.stdout)
    assert result["submission"] == "mlp"
    assert verdicts_of(result) == {"ex1_chain.dlogits": "missing", "ex2_cross_entropy.dlogits": "missing"}


def test_check_takes_a_word_for_a_path_where_it_exists_and_a_lone_file_for_all_exercises(tmp_path: Path) -> None:
    text = f"{DPROBS}\n{EX2_RIGHT}\ndef dcounts(dprobs):\n    return 1 / 0\n"
    (tmp_path / "dprobs").write_text("x")
    (tmp_path / "dprobs").unlink()
    (tmp_path / "dprobs").mkdir()
    (tmp_path / "dprobs" / "answers.py").write_text(text, encoding="utf-8")
    result = strict_json(grade_or_check("check", "dprobs", "--json", code=1, cwd=tmp_path).stdout)
    assert result["submission"] == "dprobs"
    right = [path for path, verdict in verdicts_of(result).items() if verdict == "right"]
    assert right == ["ex1_chain.dprobs", "ex2_cross_entropy.dlogits"]


def test_check_of_a_lone_file_names_this_file_as_the_place(tmp_path: Path) -> None:
    (tmp_path / "answers.py").write_text("def dprobs(probs):\n    return 1 / 0\n", encoding="utf-8")
    text = grade_or_check("check", tmp_path / "answers.py", "dprobs", code=1).stdout
    assert "answers.py:2" in text


def test_a_name_with_line_ends_is_one_row_of_the_class_table(lesson: Lesson) -> None:
    result = SubmissionResult(__version__, "mlp", "eve\nbob      44", 0, (), (), None, ())
    text = io.StringIO()
    show_class(Console(file=text, width=80), [summary_of(result)], lesson)
    assert not re.search(r"^bob", text.getvalue(), re.MULTILINE)


@pytest.mark.parametrize(
    ("show", "more"), [(show_faults, "5 more that could not be graded"), (show_notes, "5 more of these notes")]
)
def test_what_is_said_of_many_submissions_is_cut_short_and_names_the_page_that_has_it_all(
    show: Callable[[Console, list[tuple[str, str]], str], None], more: str
) -> None:
    for count, cut in ((10, False), (15, True)):
        text = io.StringIO()
        show(Console(file=text, width=80), [(f"s{number}", "a \x1b[31mword") for number in range(count)], "index.html")
        lines = text.getvalue().splitlines()
        assert sum("a \N{REPLACEMENT CHARACTER}[31mword" in line for line in lines) == 10
        assert ("\x1b" in text.getvalue(), more in text.getvalue(), "index.html" in text.getvalue()) == (
            False,
            cut,
            cut,
        )


# --- grade ------------------------------------------------------------------------------------------------

NAMES = (
    "ann",
    'Bob "B", jr.',
    '=HYPERLINK("evil")',
    "+1",
    "line\nbreak",
    "\x1b[31mred",
    "\u202egnp.exe",
    "<b>bold</b>".replace("/", "_"),
    "王小明",
    "-rf",
)


@pytest.fixture
def small_class(tmp_path: Path, mixed: Path) -> Path:
    """Ten submissions of one exercise under odd names, a mixed one, a lone file, one that is no text, and clutter."""
    root = tmp_path / "class"
    for name in NAMES:
        (root / name).mkdir(parents=True)
        (root / name / "ex2_cross_entropy.py").write_text(EX2_RIGHT, encoding="utf-8")
    mixed.rename(root / "mixed")
    (root / "lone.py").write_text(DPROBS, encoding="utf-8")
    (root / "nul").mkdir()
    (root / "nul" / "ex1_chain.py").write_bytes(b"\0\1\2")
    (root / "week 2" / "ann").mkdir(parents=True)
    (root / "week 2" / "ann" / "ex2_cross_entropy.py").write_text("x = 1\n", encoding="utf-8")
    (root / "grades.xlsx").write_bytes(b"x")
    return root


ALL_NAMES = {*NAMES, "mixed", "lone", "nul", "week 2"}


def results_under(out: Path) -> dict[str, dict[str, Any]]:
    found = (strict_json(file.read_text(encoding="utf-8")) for file in out.glob("submissions/*/results.json"))
    return {result["submission"]: result for result in found}


def bytes_under(out: Path) -> dict[str, bytes]:
    return {str(file.relative_to(out)): file.read_bytes() for file in out.rglob("*") if file.is_file()}


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "grades.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_grade_writes_a_class_once_and_again_the_same(small_class: Path, tmp_path: Path, lesson: Lesson) -> None:
    first, other = tmp_path / "first", tmp_path / "other"
    text = grade_or_check("grade", small_class, "--out", first, "--jobs", "2", "--seed", "7", code=0).stdout
    assert "grades.xlsx (neither .py nor .ipynb)" in text
    assert "seed 7" in text
    assert_folder(first)
    assert_gradebook(first, lesson)
    results = results_under(first)
    for result in results.values():
        assert_contract(result, lesson)
        assert result["seed"] == 7
    assert_known_verdicts(results)

    before = bytes_under(first)
    again = grade_or_check("grade", small_class, "--out", first, "--jobs", "1", code=0).stdout
    assert "seed 7" in again
    assert f"{len(ALL_NAMES)} of them unchanged" in again
    assert bytes_under(first) == before

    grade_or_check("grade", small_class, "--out", other, "--jobs", "2", "--seed", "8", code=0)
    assert {name: verdicts_of(r) for name, r in results_under(other).items()} == {
        name: verdicts_of(r) for name, r in results.items()
    }
    assert {result["seed"] for result in results_under(other).values()} == {8}


def assert_folder(out: Path) -> None:
    names = {path.name for path in out.iterdir()}
    assert names - {".grader"} == {"feedback", "grades.csv", "index.html", "submissions", "taken.txt"}
    folders = list((out / "submissions").iterdir())
    assert len(folders) == len(ALL_NAMES)
    for folder in folders:
        assert {path.name for path in folder.iterdir()} == {"results.json", "feedback.html"}
        assert folder.name.isprintable()
        assert not set(folder.name) & set('"<>|*?\\:\n')
        assert folder.name[0] not in ".-~ "
    texts = [path.read_text(encoding="utf-8") for path in out.rglob("*.json")]
    assert not [text for text in texts if str(out.parent) in text or str(ROOT) in text]


def assert_gradebook(out: Path, lesson: Lesson) -> None:
    rows = rows_of(out)
    header = ["submission", "score", "max_score", *[exercise.name for exercise in lesson.exercises], "chain_reaches"]
    assert list(rows[0]) == [*header, *(step.path for step in lesson.steps), "id", "name", "late"]
    assert len(rows) == len(ALL_NAMES)
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    by_name = {row["submission"]: row for row in rows}
    assert {"ann", "week 2", 'Bob "B", jr.', '\'=HYPERLINK("evil")', "'+1", "line break", "'-rf", "王小明"} <= set(
        by_name
    )
    row = by_name["mixed"]
    assert (row["max_score"], row["ex1_chain"], row["ex2_cross_entropy"], row["ex4_training"]) == ("44", "2", "4", "0")
    assert row["score"] == "6"
    assert {name: row[f"ex1_chain.{name}"].replace("exact", "right") for name in MIXED_VERDICTS} == MIXED_VERDICTS


def assert_known_verdicts(results: Mapping[str, Mapping[str, Any]]) -> None:
    assert set(results) == ALL_NAMES
    for name in NAMES:
        assert verdicts_of(results[name])["ex2_cross_entropy.dlogits"] == "right", name
        assert results[name]["score"] == 4.0
    assert verdicts_of(results["lone"])["ex1_chain.dprobs"] == "right"
    assert verdicts_of(results["week 2"])["ex2_cross_entropy.dlogits"] == "missing"
    unread = steps_of(results["nul"])["ex1_chain.dprobs"]
    assert (unread["verdict"], unread["credit"]) == ("error", 0.0)
    assert "NUL bytes" in unread["message"]


def seed_of(out: Path, lesson: Lesson, wanted: int | None = None) -> int:
    folder = RunFolder(out, lesson)
    try:
        return folder.begin(["ann"], [out], wanted, regrade=False).record.seed
    finally:
        folder.close()


def test_a_new_folder_draws_a_seed_and_keeps_it(tmp_path: Path, lesson: Lesson) -> None:
    drawn = seed_of(tmp_path / "a", lesson)
    assert seed_of(tmp_path / "a", lesson) == drawn
    assert seed_of(tmp_path / "b", lesson) != drawn
    assert seed_of(tmp_path / "a", lesson, 5) == 5
    assert seed_of(tmp_path / "a", lesson) == 5


# A process that reads and writes as its owner may and no further: root, too, gives up the right to
# ignore modes (CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH leave its bounding set) before the kit starts.
_BOUND_BY_MODES = """
import ctypes, os, sys
if sys.platform == "linux":
    for capability in (1, 2):
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def bound_by_modes(*arguments: str | Path, code: int) -> Process:
    process = subprocess.run(
        [sys.executable, "-c", _BOUND_BY_MODES, "-m", "grader", *map(str, arguments)],
        cwd=ROOT, env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert process.returncode == code, process.stdout + process.stderr
    assert_in_order(process.stdout + process.stderr)
    return process


@pytest.fixture
def locked_class(tmp_path: Path) -> Path:
    """A class with a folder and a file that may not be read."""
    root = tmp_path / "class"
    for name in ("good", "folder", "file"):
        (root / name).mkdir(parents=True)
        (root / name / "ex2_cross_entropy.py").write_text(EX2_RIGHT, encoding="utf-8")
    (root / "file" / "ex2_cross_entropy.py").chmod(0)
    (root / "folder").chmod(0)
    return root


def test_grade_reports_what_cannot_be_read_and_goes_on(locked_class: Path, tmp_path: Path, lesson: Lesson) -> None:
    text = bound_by_modes("grade", locked_class, "--out", tmp_path / "out", code=0).stdout
    assert "folder: the folder cannot be read: Permission denied" in text
    results = results_under(tmp_path / "out")
    assert set(results) == {"good", "folder", "file"}
    for result in results.values():
        assert_contract(result, lesson)
    assert results["good"]["score"] == 4.0
    assert results["folder"]["notes"] == ["the folder cannot be read: Permission denied"]
    unread = steps_of(results["file"])["ex2_cross_entropy.dlogits"]
    assert (unread["verdict"], unread["message"]) == (
        "error",
        "ex2_cross_entropy.py cannot be read: Permission denied",
    )


@pytest.mark.parametrize("path", ["folder", "file/ex2_cross_entropy.py"])
def test_check_of_what_cannot_be_read_is_exit_code_2(path: str, locked_class: Path) -> None:
    assert "cannot be read: " in bound_by_modes("check", locked_class / path, code=2).stderr


@pytest.fixture
def one_answer(tmp_path: Path) -> Path:
    file = tmp_path / "one.py"
    file.write_text(DPROBS, encoding="utf-8")
    return file


@pytest.mark.parametrize("out", ["file", "file/below", "locked", "locked/below"])
def test_an_out_that_cannot_be_written_is_exit_code_2_before_anything_is_graded(
    out: str, one_answer: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "locked").mkdir(mode=0o500)
    process = bound_by_modes("grade", one_answer, "--out", tmp_path / out, code=2)
    assert process.stderr.startswith("grader grade: ")
    assert "cannot be written" in process.stderr
    assert "OUT=" in process.stderr
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_in_place_of_the_gradebook_is_exit_code_2_before_anything_is_graded(
    one_answer: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (out / "grades.csv").mkdir(parents=True)
    text = grade_or_check("grade", one_answer, "--out", out, code=2).stderr
    assert "grades.csv: cannot be written: Is a directory" in text
    assert not results_under(out)
    (out / "grades.csv").rmdir()
    grade_or_check("grade", one_answer, "--out", out, code=0)
    assert [row["submission"] for row in rows_of(out)] == ["one"]


NOT_UTF8 = os.fsdecode(b"\xff\xfeann")


def test_a_name_that_is_not_utf8_is_graded_like_any_other(tmp_path: Path) -> None:
    root = tmp_path / "class"
    for name in ("bob", NOT_UTF8):
        (root / name).mkdir(parents=True)
        (root / name / "ex2_cross_entropy.py").write_text("x = 1\n", encoding="utf-8")
    (root / f"file {NOT_UTF8}.py").write_text("x = 1\n", encoding="utf-8")
    grade_or_check("grade", root, "--out", tmp_path / "out", code=0)
    assert len(results_under(tmp_path / "out")) == 3


# --- Ctrl-C -----------------------------------------------------------------------------------------------


@pytest.fixture
def hasty_lesson(tmp_path: Path) -> Path:
    """The lesson with a step's time cut to two seconds."""
    folder = tmp_path / "hasty"
    shutil.copytree(SOLUTIONS, folder)
    file = folder / "lesson.toml"
    text = file.read_text(encoding="utf-8")
    assert "step_seconds = 10" in text
    file.write_text(text.replace("step_seconds = 10", "step_seconds = 2"), encoding="utf-8")
    return folder


def test_ctrl_c_in_a_class_keeps_what_is_done_and_the_next_run_completes_it(hasty_lesson: Path, tmp_path: Path) -> None:
    root, out = tmp_path / "class", tmp_path / "out"
    root.mkdir()
    (root / "a.py").write_text(DPROBS, encoding="utf-8")
    (root / "b.py").write_text("def dprobs(probs):\n    while True: pass\n", encoding="utf-8")
    (root / "c.py").write_text(DPROBS, encoding="utf-8")
    arguments = ("grade", root, "--out", out, "--jobs", "1", "--lesson", hasty_lesson)

    code, text = interrupted(arguments, when=out / "submissions" / "a" / "results.json")
    assert code == 130, text
    assert_in_order(text)
    assert "stopped with 2 to go; the same command goes on from here" in text
    assert [row["submission"] for row in rows_of(out)] == ["a"]
    assert set(results_under(out)) == {"a"}
    assert (out / "index.html").is_file()

    again = grade_or_check(*arguments, code=0).stdout
    assert "1 of them unchanged" in again
    found = {name: verdicts_of(result)["ex1_chain.dprobs"] for name, result in results_under(out).items()}
    assert found == {"a": "right", "b": "timeout", "c": "right"}
    assert [row["submission"] for row in rows_of(out)] == ["a", "b", "c"]


def interrupted(arguments: tuple[str | Path, ...], when: Path) -> tuple[int, str]:
    """Starts a command, presses Ctrl-C once `when` exists; exit code and output."""
    process = subprocess.Popen(
        [sys.executable, "-m", "grader", *map(str, arguments)],
        cwd=ROOT, env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        give_up = time.monotonic() + 60
        while not when.exists() and process.poll() is None and time.monotonic() < give_up:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    return process.returncode, output
