"""What the commands print, wherever it goes: terminals, pipes, odd encodings, full disks; and what they import."""

from __future__ import annotations

import csv
import errno
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from importlib.metadata import packages_distributions
from pathlib import Path

import pexpect
import pytest
from rich.console import Console

from grader.cli import main
from grader.commands import hint
from grader.errors import KitError
from grader.lesson import Lesson
from grader.report.glance import show_glance
from grader.report.terminal import show_check
from grader.results.gradebook import cell, number
from grader.results.model import ExerciseResult, StepResult, SubmissionResult
from grader.wording import an, apart, counted, legible
from tests.support import ROOT

EX2 = "def dlogits(logits, Yb, n):\n    print('\\u00b7 \\u65e5')  # é\n    return logits * 0\n"
_OTHERS = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONUTF8")

Bytes = subprocess.CompletedProcess[bytes]


def run(
    arguments: Sequence[str | Path],
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    start: Sequence[str | Path] = ("-m", "grader"),
    stdout: int = subprocess.PIPE,
) -> Bytes:
    """A command, its output as bytes."""
    kept = {name: value for name, value in os.environ.items() if name not in _OTHERS}
    return subprocess.run(
        [sys.executable, *map(str, start), *map(str, arguments)],
        cwd=cwd, env={**kept, "PYTHONPATH": str(ROOT), **(environment or {})},
        stdout=stdout, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=120, check=False,
    )  # fmt: skip


def answers(folder: Path, name: bytes | str = "ann") -> Path:
    place = folder / os.fsdecode(name)
    place.mkdir(parents=True)
    (place / "ex2_cross_entropy.py").write_text(EX2, encoding="utf-8")
    return place


# --- modules that lie in the working folder ---------------------------------------------------------------

_OPTIONAL = {"opt_einsum", "triton", "torch_xla", "cupy"}  # which libraries import where they are
EVERY_MODULE = {
    name
    for name in {*sys.stdlib_module_names, *packages_distributions(), *_OPTIONAL}
    if name.isidentifier() and name not in ("grader", "exercises", "solutions")
}


@pytest.fixture(scope="module")
def traps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of submissions in which every module that anybody could import lies, too; each tells of its import."""
    folder = tmp_path_factory.mktemp("traps")
    answers(folder, "ann")
    answers(folder, "bob")
    set_traps(folder)
    return folder


def set_traps(folder: Path, names: Set[str] = EVERY_MODULE) -> None:
    for name in names:
        (folder / f"{name}.py").write_text(
            f"open({str(folder / 'imported')!r}, 'a').write('{name} ')\nraise ImportError('of the working folder')\n",
            encoding="utf-8",
        )


def assert_nothing_imported(folder: Path, done: Bytes, *codes: int) -> None:
    imported = folder / "imported"
    assert not imported.exists(), imported.read_text(encoding="utf-8")
    assert done.returncode in codes, done.stderr.decode()


SCRIPT = ("-P", "-c", "import sys; from grader.__main__ import start; sys.exit(start())")
STARTS = {
    "-m grader": ("-m", "grader"),
    "its file": (ROOT / "grader" / "__main__.py",),
    "its folder": (ROOT / "grader",),
    "the script": SCRIPT,
}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_however_it_is_started_no_module_of_the_working_folder_is_imported(
    start: Sequence[str | Path], traps: Path
) -> None:
    assert_nothing_imported(traps, run(["hint", "dprobs"], traps, start=start), 0)


@pytest.mark.parametrize("start", [("-m", "grader"), SCRIPT], ids=["-m grader", "the script"])
def test_the_working_folder_named_in_pythonpath_is_not_imported_from(start: Sequence[str], tmp_path: Path) -> None:
    """Of what Python imports by itself nothing can be kept out: this is about what comes after."""
    set_traps(tmp_path, {"argparse", "rich", "msgspec", "difflib", "tomllib"})
    for entries in (f"{tmp_path}:{ROOT}", f":{ROOT}", f"{ROOT}:."):
        assert_nothing_imported(tmp_path, run(["hint", "dprobs"], tmp_path, {"PYTHONPATH": entries}, start), 0)


def test_no_command_imports_a_module_of_the_working_folder(traps: Path, tmp_path: Path) -> None:
    commands: tuple[tuple[list[str | Path], int], ...] = (
        (["check", "ann"], 1),
        (["grade", "ann", "bob", "--out", tmp_path / "out", "--jobs", "1"], 0),
        (["export", "junit", tmp_path / "out"], 0),
        (["copies", "ann", "bob", "--out", tmp_path / "copies.html"], 0),
        (["map", "--out", tmp_path / "map.html"], 0),
        (["doctor"], 0),
        (["train", "ann"], 1),
    )
    for arguments, code in commands:
        assert_nothing_imported(traps, run(arguments, traps), code)


def test_the_kits_own_folder_may_hold_such_modules_and_its_own_package_is_used(tmp_path: Path) -> None:
    kit = tmp_path / "kit"
    shutil.copytree(ROOT / "grader", kit / "grader", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "exercises", kit / "exercises", ignore=shutil.ignore_patterns("__pycache__"))
    (kit / "grader" / "__init__.py").write_text('__version__ = "of the copy"\n', encoding="utf-8")
    set_traps(kit)
    for start in (("-m", "grader"), ("grader/__main__.py",)):
        done = run(["--version"], kit, start=start)
        assert_nothing_imported(kit, done, 0)
        assert done.stdout == b"grader of the copy\n"
    assert_nothing_imported(kit, run(["check", "dprobs"], kit), 1)


IN_A_NOTEBOOK = """
import sys
sys.path.insert(0, "")  # as a kernel does
from grader.jupyter import check, hint, start
assert sys.path[0] == ""
start("mlp")
def dprobs(dlogprobs, probs):
    return dlogprobs
hint(dprobs)
"""


def test_the_kit_in_a_notebook_does_not_take_a_students_modules_for_its_own(traps: Path) -> None:
    assert_nothing_imported(traps, run([], traps, start=("-P", "-c", IN_A_NOTEBOOK)), 0)


# --- pipes and terminals ----------------------------------------------------------------------------------

SETTINGS: tuple[dict[str, str], ...] = (
    {},
    {"COLUMNS": "40"},
    {"COLUMNS": "200"},
    {"TERM": "dumb"},
    {"NO_COLOR": "1"},
    {"FORCE_COLOR": "1", "TERM": "xterm-256color"},
)


def printed_by(arguments: Sequence[str | Path]) -> str:
    """Its output in a pipe, which is the same in every setting."""
    texts = {run(arguments, environment=setting).stdout.decode() for setting in SETTINGS}
    assert len(texts) == 1, texts
    return texts.pop()


@pytest.mark.parametrize("arguments", [("hint", "dcounts", "--level", "3"), ("--version",)], ids=" ".join)
def test_in_a_pipe_the_terminals_settings_change_nothing(arguments: Sequence[str]) -> None:
    assert printed_by(arguments)


def assert_plain(text: str) -> None:
    assert not [line for line in text.splitlines() if line != line.rstrip()]
    assert not {sign for sign in text if not sign.isprintable() and sign != "\n"}


def test_in_a_pipe_no_line_is_wrapped_filled_or_cut(tmp_path: Path) -> None:
    name = "a student with a long name " * 5
    where = answers(tmp_path / ("a folder with a long name " * 4), name.strip())
    (where.parent / "loose.rar").write_bytes(b"Rar!")
    narrow = {"COLUMNS": "40"}
    checked = run(["check", where, "--all", "--verbose"], environment=narrow).stdout.decode()
    assert str(where) in checked
    out = where.parent.parent / "results of a class"
    graded = run(["grade", where.parent, "--out", out, "--no-mends"], environment=narrow).stdout.decode()
    assert name.strip() in graded
    assert "loose.rar" in graded
    assert f"wrote {out}/grades.csv" in graded
    assert "…" not in checked + graded
    for text in (checked, graded):
        assert_plain(text)


def on_a_terminal(arguments: Sequence[str | Path], columns: int) -> str:
    """What a command sends to a terminal, without colours."""
    kept = {name: value for name, value in os.environ.items() if name not in _OTHERS}
    child = pexpect.spawn(
        sys.executable, ["-m", "grader", *map(str, arguments)], cwd=str(ROOT), dimensions=(24, columns),
        env={**kept, "TERM": "xterm", "PYTHONPATH": str(ROOT)}, timeout=60,
    )  # fmt: skip
    sent = child.read().decode()
    child.close()
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", sent).replace("\r\n", "\n")


def test_in_a_terminal_sentences_are_wrapped_between_words_and_commands_stay_whole() -> None:
    text = on_a_terminal(["hint", "dcounts", "--level", "2"], 40)
    sentences = [line for line in text.splitlines() if "next:" not in line and "http" not in line]
    assert max(map(len, sentences)) <= 40
    assert "next: make hint STEP=ex1_chain.dcounts LEVEL=3\n" in text
    assert " ".join(text.split()) == " ".join(run(["hint", "dcounts", "--level", "2"]).stdout.decode().split())


def test_in_a_terminal_a_path_is_never_broken(tmp_path: Path) -> None:
    out = tmp_path / "a folder with blanks in a name that is longer than the terminal" / "map.html"
    assert f"wrote {out}\n" in on_a_terminal(["map", "--out", out], 40)


def same_for_all(lesson: Lesson, verdict: str, message: str) -> SubmissionResult:
    exercises = tuple(
        ExerciseResult(e.name, tuple(StepResult(s.name, verdict, 0.0, s.points, message=message) for s in e.steps))
        for e in lesson.exercises
    )
    return SubmissionResult("1", "mlp", "s01", 0, ("process",), exercises, None, ("ann.py is Latin-1",))


@pytest.mark.parametrize(("show", "times"), [(show_glance, 1), (show_check, 4)], ids=["check", "check --all"])
def test_what_is_to_be_said_of_all_steps_is_said_once_and_first(
    show: Callable[..., None], times: int, lesson: Lesson
) -> None:
    output = io.StringIO()
    show(Console(file=output, width=200), same_for_all(lesson, "error", "the file is no Python"), lesson, "s01")
    text = output.getvalue()
    assert text.startswith("note: ann.py is Latin-1\n")
    assert text.count("the file is no Python") <= times
    assert text.count("next: make hint") <= times + 1


# --- encodings --------------------------------------------------------------------------------------------

PLACES: tuple[dict[str, str], ...] = (
    {"LC_ALL": "ja_JP.eucJP"},
    {"LC_ALL": "ja_JP.eucJP", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "latin-1"},
    {"LANG": "C"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "ascii:strict"},
    {"PYTHONIOENCODING": "euc_jp"},
    {"PYTHONIOENCODING": "cp1252"},
)
NAMES = (b"Jos\xc3\xa9", b"caf\xe9", b"caf\xe8", b"a\x07b", b"a b", "日本".encode(), "日本".encode("euc-jp"), b"\xff")


def test_names_in_any_encoding_are_legible_and_the_same_wherever_the_class_is_graded(tmp_path: Path) -> None:
    for name in NAMES:
        answers(tmp_path / "class", name)
    books = set()
    for number_, place in enumerate(({}, PLACES[0], PLACES[2])):
        out = tmp_path / f"out{number_}"
        done = run(["grade", tmp_path / "class", "--out", out, "--seed", "1", "--no-mends"], environment=place)
        assert (done.returncode, done.stderr) == (0, b"")
        books.add((out / "grades.csv").read_text(encoding="utf-8"))
    (book,) = books
    names = [row["submission"] for row in csv.DictReader(io.StringIO(book))]
    assert sorted(names) == sorted(
        ["José", r"caf\xe9", r"caf\xe8", r"a\x07b", "a b", "日本", r"\xc6\xfc\xcb\xdc", r"\xff"]
    )


@pytest.mark.parametrize("place", PLACES, ids=lambda place: " ".join(f"{k}={v}" for k, v in place.items()))
def test_no_encoding_of_the_output_ends_a_command(place: Mapping[str, str]) -> None:
    odd = os.fsdecode(b"/nowhere/caf\xe9 \xe6\x97\xa5")
    commands = (
        (["hint", "dprobs"], 0, b""),
        (["check", odd], 2, b"grader check: there is no /nowhere/caf\\xe9 "),
    )
    for arguments, code, says in commands:
        done = run(arguments, environment=place)
        assert done.returncode == code, done.stderr
        assert done.stderr.startswith(says)
        assert b"Traceback" not in done.stderr + done.stdout


def test_what_an_encoding_lacks_is_written_in_ascii_where_it_is_the_kits_own() -> None:
    checked = run(["check", "exercises/mlp", "dprobs"], environment={"PYTHONIOENCODING": "ascii"})
    assert checked.stdout.isascii()
    assert b"exercises/mlp  -  kit" in checked.stdout


def test_an_argument_of_undecodable_bytes_is_a_path_like_any_other(tmp_path: Path) -> None:
    page = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.html")
    for place in ({}, PLACES[0], PLACES[2]):
        done = run(["map", "--out", page], environment=place)
        assert done.stdout.endswith(b"/caf\\xe9.html\n"), done.stderr
        Path(page).unlink()
    done = run(["check", answers(tmp_path, b"caf\xe9"), "ex2_cross_entropy"])
    assert done.returncode == 1, done.stderr
    assert rb"caf\xe9" in done.stdout


# --- outputs that take nothing ----------------------------------------------------------------------------


def test_a_full_disk_is_said_in_a_line() -> None:
    with Path("/dev/full").open("wb") as full:
        for arguments in (["hint", "dprobs"], ["--help"], ["--version"]):
            done = run(arguments, stdout=full.fileno())
            assert done.returncode == 2
            assert b"No space left on device" in done.stderr
            assert b"Traceback" not in done.stderr
            assert b"Exception ignored" not in done.stderr


def test_a_reader_who_leaves_is_no_error() -> None:
    for more in ({}, {"PYTHONUNBUFFERED": "1"}):
        reader, writer = os.pipe()
        os.close(reader)
        done = run(["hint", "dprobs"], environment=more, stdout=writer)
        os.close(writer)
        assert (done.returncode, done.stderr) == (141, b"")


def test_closed_outputs_change_nothing(tmp_path: Path) -> None:
    page = tmp_path / "map.html"
    command = f'"$0" -m grader map --out "{page}" >&- 2>&-'
    done = subprocess.run(["sh", "-c", command, sys.executable], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


# --- errors that nobody expected --------------------------------------------------------------------------

ERRORS: tuple[tuple[BaseException, int, str], ...] = (
    (TypeError("no\nway"), 3, "unexpected error: TypeError: no way; run it again with --debug"),
    (RecursionError("maximum recursion depth exceeded"), 3, "unexpected error: RecursionError: maximum"),
    (KeyError(), 3, "unexpected error: KeyError; run it again with --debug"),
    (MemoryError(), 3, "out of memory"),
    (UnicodeEncodeError("ascii", "é", 0, 1, "ordinal not in range"), 3, "unexpected error: UnicodeEncodeError"),
    (ModuleNotFoundError("No module named 'rich'", name="rich"), 3, "make setup installs what is missing"),
    (ModuleNotFoundError("No module named 'grader.x'", name="grader.x"), 3, "unexpected error: ModuleNotFoundError"),
    (OSError(errno.ENOSPC, "No space left on device", "a/b"), 2, "a/b: No space left on device\n  free some space"),
    (PermissionError(errno.EACCES, "Permission denied", b"caf\xe9"), 2, "Permission denied\n  check who may"),
    (OSError("strange"), 3, "unexpected error: OSError: strange"),
    (KitError("no", where="f.py:3", mend="do"), 2, "grader hint: f.py:3: no\n  do\n"),
    (KitError("no\x1b[2J"), 2, "grader hint: no\ufffd[2J\n"),
    (KeyboardInterrupt(), 130, "grader hint: stopped\n"),
    (BrokenPipeError(), 141, ""),
)


def raising(error: BaseException) -> Callable[[object], int]:
    def raises(_options: object) -> int:
        raise error

    return raises


@pytest.mark.parametrize(("error", "code", "says"), ERRORS, ids=lambda value: type(value).__name__)
def test_whatever_is_raised_is_told_in_a_line_and_never_as_a_traceback(
    error: BaseException, code: int, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hint, "run", raising(error))
    assert main(["hint", "dprobs"]) == code
    printed = capsys.readouterr()
    assert says in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("words", [("--debug", "hint", "dprobs"), ("hint", "dprobs", "--debug")], ids=" ".join)
def test_debug_shows_the_traceback_of_what_nobody_expected_alone(
    words: Sequence[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRADER_DEBUG", "0")  # set back afterwards
    monkeypatch.setattr(hint, "run", raising(TypeError("no")))
    assert main(words) == 3
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setattr(hint, "run", raising(KitError("no")))
    assert main(words) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_no_warning_reaches_the_terminal(tmp_path: Path) -> None:
    where = answers(tmp_path)
    text = 'def dlogits(logits, Yb, n):\n    "\\d"\n    return logits is 1\n'
    (where / "ex2_cross_entropy.py").write_text(text, encoding="utf-8")
    done = run(["check", where, "ex2_cross_entropy"], start=("-W", "default", "-m", "grader"))
    assert (done.returncode, done.stderr) == (1, b"")


# --- wrong usage ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("chek", "there is no command chek; did you mean check?"),
        ("check --verbos3", "did you mean --verbose?"),
        ("grade x --regarde", "did you mean --regrade?"),
        ("export canva", "there is no format canva; did you mean canvas?"),
        ("hint dprob", "did you mean dprobs"),
        ("hint DPROBS", "did you mean dprobs"),
        ("check ex1", "did you mean ex1_chain"),
        ("check gradients", "did you mean ex4_training, which asks for gradients?"),
        ("check no/such/folder", "there is no no/such/folder"),
        ("grade no-such-folder", "no-such-folder"),
        ("hint dprobs no-such-folder", "no-such-folder"),
        ("copies no-such-folder", "no-such-folder"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_names_what_is_near(
    words: str, says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words.split()) == 2
    assert says in " ".join(capsys.readouterr().err.split())


# --- counts, articles, numbers, names ---------------------------------------------------------------------


def test_one_is_one_and_all_else_is_many() -> None:
    told = [counted(n, "step") for n in (0, 1, 2, 12_345_678)]
    assert told == ["0 steps", "1 step", "2 steps", "12345678 steps"]
    assert [counted(2, noun) for noun in ("entry", "way", "class", "match")] == [
        "2 entries", "2 ways", "2 classes", "2 matches",
    ]  # fmt: skip
    assert [counted(n, "score is", "scores are") for n in (1, 2)] == ["1 score is", "2 scores are"]
    assert [counted(n, "point") for n in (1.0, 0.5, 44.0)] == ["1 point", "0.5 points", "44 points"]
    assert [an(word) for word in ("int", "list", "Error", "")] == ["an int", "a list", "an Error", "a "]


@pytest.mark.parametrize(
    ("got", "expected", "told"),
    [
        (0.5, 0.25, ("0.5", "0.25")),
        (-1.028, -1.0280001, ("-1.028", "-1.0280001")),
        (1e-3, 1.0000001e-3, ("1.0000000e-03", "1.0000001e-03")),
        (-0.0, 1.0, ("0", "1")),
        (0.0, -0.0, ("0", "0")),
        (float("nan"), 1.0, ("nan", "1")),
        (float("inf"), float("-inf"), ("inf", "-inf")),
        (1.0, 1.0 + 2**-52, ("1", "1.0000000000000002")),
        (123456.0, 123457.0, ("1.23456e+05", "1.23457e+05")),
    ],
)
def test_two_numbers_that_differ_are_printed_differently(got: float, expected: float, told: tuple[str, str]) -> None:
    assert apart(got, expected) == told
    assert (len(set(apart(got, expected, is_short=True))) == 2) == (len(set(told)) == 2)


def test_no_zero_has_a_sign() -> None:
    assert [number(value) for value in (-0.0, 0.0, -1e-9, 44.0)] == ["0", "0", "0", "44"]


def test_a_name_keeps_what_prints_and_two_names_stay_two() -> None:
    names = [os.fsdecode(name) for name in NAMES] + ["a\x1bb", "a\u202eb", "=a"]
    assert len({legible(name) for name in names}) == len(names)
    assert all(legible(name).isprintable() for name in names)
    assert len({cell(name) for name in names}) == len(names)
    assert cell("=a") == "'=a"
