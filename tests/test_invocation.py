"""What messages tell people to type works where they type it: by make or without, in the kit's folder or elsewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.cli import _parsers
from grader.invocation import BY_MAKE, command, option
from tests.support import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
EACH = re.search(r"^each = (.*)$", MAKEFILE, re.MULTILINE)[1]  # type: ignore[index]
ELSEWHERE = ("--help", "--debug")  # make help; GRADER_DEBUG=1 in the environment
WORDS = re.compile(r"option\(['\"](--[a-z-]+)['\"]")


def _make(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def _options() -> Iterator[tuple[str, str]]:
    """Every command with every option of it."""
    for action in _parsers()[0]._actions:
        for name, parser in (action.choices or {}).items() if isinstance(action.choices, dict) else ():
            for own in parser._actions:
                yield from (
                    (name, flag) for flag in own.option_strings if flag.startswith("--") and flag not in ELSEWHERE
                )


@pytest.mark.parametrize(("name", "flag"), list(_options()))
def test_every_option_of_every_command_is_reached_by_make(name: str, flag: str) -> None:
    rule = re.search(rf"^{name}: .*?(?=^\S)", MAKEFILE, re.MULTILINE | re.DOTALL)
    assert rule, f"make has no target {name}"
    flags = rule.group().replace("$(lesson)", "--lesson").replace("$(each)", EACH)
    assert f"{flag}," in flags or f"{flag} " in flags or f"{flag}\n" in flags


def test_an_option_that_a_message_names_exists() -> None:
    known = {flag for _, flag in _options()}
    named = {flag for path in (ROOT / "grader").rglob("*.py") for flag in WORDS.findall(path.read_text("utf-8"))}
    assert "--rescale" in named
    assert named <= known


@pytest.mark.parametrize(
    ("flag", "value", "by_hand", "by_make"),
    [
        ("--rescale", "", "--rescale", "RESCALE=1"),
        ("--roster", "THAT.csv", "--roster THAT.csv", "ROSTER=THAT.csv"),
        ("--require-isolation", "", "--require-isolation", "REQUIRE_ISOLATION=1"),
        ("--no-mends", "", "--no-mends", "MENDS=no"),
    ],
)
def test_an_option_is_named_as_it_was_given(
    flag: str, value: str, by_hand: str, by_make: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(BY_MAKE, raising=False)
    assert option(flag, value) == by_hand
    monkeypatch.setenv(BY_MAKE, "1")
    assert option(flag, value) == by_make
    assert f"{by_make.split('=')[0]} ?=" in MAKEFILE


def test_a_command_is_makes_in_the_kits_folder_and_the_programs_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(BY_MAKE, raising=False)
    monkeypatch.chdir(ROOT)
    assert command("hint", STEP="dprobs", LEVEL="2") == "make hint STEP=dprobs LEVEL=2"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Makefile").write_text("all:\n", encoding="utf-8")  # somebody else's
    assert command("hint", STEP="dprobs", LEVEL="1") == "python -m grader hint dprobs --level 1"
    assert command("check", SUBMISSION="my work", ALL="1") == "python -m grader check 'my work' --all"
    monkeypatch.setattr("sys.argv", ["/usr/bin/grader"])
    assert command("check", STEP="dprobs", LESSON="") == "grader check dprobs"


@pytest.mark.parametrize("given", ["level=2", "Step=dprobs", "submissions=x", "all=1"])
def test_a_variable_of_make_in_the_wrong_case_is_refused_with_the_right_one(given: str) -> None:
    done = _make("-n", "check", given)
    name = given.split("=")[0]
    assert done.returncode == 2
    assert f"there is no variable {name}; did you mean {name.upper()}?" in done.stderr


@pytest.mark.parametrize("given", ["LEVEL=2", "TMPDIR=/tmp", "PYTHON=python3", "STEP=dprobs ex2"])
def test_variables_that_are_meant_are_taken(given: str) -> None:
    assert _make("-n", "help", given).returncode == 0


def test_what_make_passes_on_is_what_the_command_line_takes() -> None:
    done = _make("-n", "export", "FORMAT=canvas", "RESCALE=1", "OVERWRITE=1", "ROSTER=my roster.csv", "UNDER=a")
    line = next(line for line in done.stdout.replace("\\\n", " ").splitlines() if "-m grader" in line)
    words = shlex.split(line)
    taken = _parsers()[0].parse_args(words[words.index("grader") + 1 :])
    assert (taken.rescale, taken.overwrite, taken.roster, taken.under) == (True, True, "my roster.csv", "a")
