"""THREATS.md names a test for everything it claims; each of them has to be there."""

from __future__ import annotations

import ast
import re

import pytest

from tests.hostile.suite import ROWS, entries
from tests.support import ROOT

TEXT = (ROOT / "THREATS.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/\w+\.py)::(\w+)`", TEXT)))
FILES = sorted(set(re.findall(r"`((?:tests|grader)/[\w/.]+)`", TEXT)))


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[test for _, test in NAMED])
def test_a_test_that_is_named_exists(file: str, test: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_named_exists(file: str) -> None:
    assert (ROOT / file).exists()


def test_every_threat_names_at_least_one_test() -> None:
    rows = [line for line in _table("## The threats").splitlines()[2:] if line.startswith("|")]
    assert len(rows) >= 18
    assert not [row for row in rows if "::" not in row]


def test_every_file_of_attacks_stands_in_the_table() -> None:
    assert {f"tests/hostile/{row}.toml" for row in ROWS} <= set(FILES)


def test_the_numbers_are_those_of_the_files() -> None:
    attacks = [entry for entry in entries() if entry.is_attack]
    assert f"{len(attacks)} submissions that try it and {len(entries()) - len(attacks)}\nhonest ones" in TEXT
    aiming = [entry for entry in attacks if entry.aims and entry.bare and not entry.wild]
    assert f"{len(aiming)} attacks that say when they reach their aim" in TEXT.replace("\n", " ")


def _table(title: str) -> str:
    return TEXT.partition(title)[2].strip().partition("\n\n")[0]
