"""Reading a lesson: what is wrong with it is said with file, line and reason; the graph is what forward.py says."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grader.errors import USAGE, KitError
from grader.judge.submission import Judge
from grader.lesson import Lesson, load_lesson
from grader.lesson.allowed import KEYS
from grader.warm.client import Warm
from tests.support import run_grader

SMALL_TOML = """\
schema = 1
name = "small"
loss = "loss"

[sizes]
n = 4
width = 3

[inputs]
x = { shape = ["n", "width"] }
W = { shape = ["width", "width"], scale = "1 / width" }
row = { shape = ["n"], below = "width" }

[[cases]]
name = "first"
sizes = { n = 5, width = 2 }
inputs = { W = { scale = 2.0 } }

[[cases]]
name = "second"
sizes = { n = 7, width = 5 }

[limits]
step_seconds = 5

[credit]
shape = 0.5

[training]
batch = ["x"]
check = { steps = 3 }

[[exercises]]
name = "ex_one"
chain = true

  [[exercises.steps]]
  name = "dz"
  points = 1
  hints = ["a", "b", "c"]

  [[exercises.steps]]
  name = "dy"
  points = 2
  hints = ["d", "e", "f"]
"""
SMALL_FORWARD = '''\
"""A small network."""

import torch


def forward(x, W, row, n):
    y = x @ W
    z = y.exp()
    w = y[row]
    loss = (z * w).sum() / n
    return loss
'''
FIRST_CASE, SECOND_CASE = "n = 5, width = 2", "n = 7, width = 5"


@dataclass(frozen=True)
class Broken:
    """The small lesson with one thing wrong: `old` written as `new`; `at` stands on the line that has to be named."""

    name: str
    file: str
    old: str
    new: str
    says: str
    at: str | None = None  # `new` itself where it is not given; '' where no line can be named


def toml(name: str, old: str, new: str, says: str = "", at: str | None = None) -> Broken:
    return Broken(name, "lesson.toml", old, new, says, at)


def forward(name: str, old: str, new: str, says: str = "", at: str | None = None) -> Broken:
    return Broken(name, "forward.py", old, new, says, at)


BROKEN = (
    # keys and types
    toml("unknown key at the top", 'name = "small"', 'nmae = "small"', 'unknown key "nmae"; did you mean name?'),
    toml("unknown key in a case", SECOND_CASE + " }", SECOND_CASE + " }\ntie = true",
          'unknown key "tie" in cases; did you mean ties?', "tie ="),
    toml("unknown key in an input", 'scale = "1', 'scal = "1', 'unknown key "scal" in inputs; did you mean scale?'),
    toml("unknown key in a case's input", "scale = 2.0", "scales = 2.0",
          'unknown key "scales" in inputs; did you mean scale'),
    toml("unknown key in a step", "points = 2", "point = 2", 'unknown key "point" in steps; did you mean points'),
    toml("unknown key in an exercise", "chain = true", "chian = true",
          'unknown key "chian" in exercises; did you mean chain?'),
    toml("unknown key in limits", "step_seconds", "step_second",
          'unknown key "step_second" in limits; did you mean step_seconds or call_seconds?', "step_second "),
    toml("unknown key in credit", "shape = 0.5", "shpae = 0.5", 'unknown key "shpae" in credit; did you mean shape?'),
    toml("unknown key in training", "batch =", "batches =", 'unknown key "batches" in training; did you mean batch?'),
    toml("unknown size in a case", SECOND_CASE, "n = 7, widht = 5",
          "the size widht is not listed under [sizes]; did you mean width?"),
    toml("unknown input in a case", "inputs = { W =", "inputs = { Wx =",
          "the case changes the input Wx, which [inputs] does not list; did you mean x or W?"),
    toml("unknown input in the batch", 'batch = ["x"]', 'batch = ["rows"]',
          "the batch holds rows, which [inputs] does not list; did you mean row?"),
    toml("wrong type at the top", 'name = "small"', "name = 3", 'name is 3; expected a name'),
    toml("wrong type in limits", "step_seconds = 5", 'step_seconds = "5"',
          'limits.step_seconds is "5"; expected a number'),
    toml("true for a number", "points = 1\n", "points = true\n",
          'exercises.ex_one.dz.points is true; expected a number from 0 to 10,000', "points = true"),
    toml("a number for an input", 'x = { shape = ["n", "width"] }', "x = 3",
          "inputs.x is 3; expected a table such as"),
    toml("a text for a list", "chain = true", 'unless_reads = "*"',
          'exercises.ex_one.unless_reads is "*"; expected a list'),
    toml("wrong type in the second step", "points = 2", 'points = "2"',
          'exercises.ex_one.dy.points is "2"; expected a number'),
    toml("wrong type in the second case", 'name = "second"', "name = 2",
          'cases[1].name is 2; expected a text'),
    toml("a hint that is no text", '["a", "b", "c"]', '["a", "b", 3]'),
    toml("a value that is no number", 'scale = "1 / width"', 'values = ["a"]'),
    toml("a batch of lists", 'batch = ["x"]', 'batch = [["x"]]'),
    toml("a minute that is none", "points = 2", 'watch = "later"'),
    # the file as a whole
    toml("not TOML", "n = 4", "n = ", "is not TOML: Invalid value", "n = \n"),
    toml("a key given twice", "n = 4", "n = 4\nn = 6", "is not TOML: Cannot overwrite a value", "n = 6"),
    toml("a list that is never closed", '["d", "e", "f"]', '["d"', "is not TOML: Unclosed array", ""),
    toml("another schema", "schema = 1", "schema = 2", "schema 2 is not known; this kit reads schema 1"),
    toml("a number of many digits", "n = 4", f"n = {'9' * 5000}",
          "is not TOML that can be read: Exceeds the limit", ""),
    toml("lists in lists in lists", "n = 4", f"n = {'[' * 5000}", "is not TOML that can be read", ""),
    toml("missing key", 'loss = "loss"\n', "", "the key loss is missing", ""),
    toml("an input without a shape", 'x = { shape = ["n", "width"] }', "x = { scale = 1 }", "inputs.x has no shape"),
    toml("an exercise without a name", 'name = "ex_one"\n', "", "an exercise has no name", "[[exercises]]"),
    toml("a training plan without steps", "check = { steps = 3 }", "check = { sizes = { n = 2 } }"),
    toml("no case", "[[cases]]", "[[case]]", 'unknown key "case"; did you mean cases?', '[[case]]\nname = "first"'),
    # steps
    toml("a step for no tensor", '"dy"', '"dyy"',
          "the step dyy asks for the gradient of yy, which forward.py does not make; did you mean y?"),
    toml("a step for a size", '"dy"', '"dn"', "the step dn asks for the gradient of n, which forward.py does not make"),
    toml("a step for whole numbers", '"dy"', '"drow"', "the step drow asks for the gradient of row"),
    toml("a step that is no gradient", '"dy"', '"y"', "the step y is no gradient: its name starts with no d"),
    toml("two steps of one name", 'name = "dy"', 'name = "dz"', "dz stands there twice", 'name = "dz"\n  points = 1'),
    toml("a kind of step that is none", "points = 2", 'kind = "grdient"',
          'exercises.ex_one.dy.kind is "grdient"; expected "gradient" or "training"'),
    # sizes and expressions
    toml("size 0", "n = 4", "n = 0", "sizes.n is 0; expected a whole number from 1 to 1,000,000"),
    toml("a size that is not whole", "n = 4", "n = 4.0", "sizes.n is 4.0; expected a whole number from 1"),
    toml("size 0 in a case", SECOND_CASE, "n = 0, width = 5",
          "cases.second.sizes.n is 0; expected a whole number from 1"),
    toml("an expression with an unknown size", "1 / width", "1 / wdth",
          'inputs.W.scale: "1 / wdth" is not an expression over the sizes n, width: no size is called wdth'),
    toml("an expression that ends early", "1 / width", "1 /",
          'inputs.W.scale: "1 /" is not an expression over the sizes n, width: invalid syntax'),
    toml("an expression that is no arithmetic", "1 / width", "open(1)",
          'inputs.W.scale: "open(1)" is not an expression over the sizes n, width: open(1) is not arithmetic'),
    toml("a division by zero", "1 / width", "1 / (n - 4)",
          'inputs.W.scale: "1 / (n - 4)" is not an expression over the sizes n, width: division by zero'),
    toml("a length that is not whole", '["n", "width"]', '["n / 3"]',
          'inputs.x.shape: "n / 3" is 1.3333333333333333; a length or bound is a whole number of at least 1'),
    toml("a length of 0", '["n", "width"]', '["n - 4"]',
          'inputs.x.shape: "n - 4" is 0; a length or bound is a whole number of at least 1'),
    toml("a length that is a list", '["n", "width"]', '[["n"]]'),
    toml("an expression that never ends", "1 / width", "9 ** 9 ** 9", "is too large a power"),
    toml("powers of powers", "1 / width", "((9 ** 60) ** 60) ** 60", "is not a number that can be computed with"),
    toml("a root of less than nothing", "1 / width", "(n - 9) ** 0.5", "is not a number that can be computed with"),
    toml("a truth value as a number", "1 / width", "True", "True is not arithmetic"),
    toml("brackets in brackets", "1 / width", "(" * 5000 + "n", "is not an expression"),
    toml("a negative scale", "1 / width", "n - width - 9", 'inputs.W.scale is "n - width - 9"; expected at least 0'),
    toml("a shape of a truth value", '["n", "width"]', "[true]", "inputs.x.shape is [True]; expected a list of whole"),
    toml("more numbers than can be drawn", '["n", "width"]', "[40000, 40000]",
          "inputs.x.shape has 1,600,000,000 numbers; at most 10,000,000 are drawn"),
    toml("an expression beyond all numbers", "1 / width", "10.0 ** 1000"),
    toml("a bad expression in a case", "scale = 2.0", 'scale = "2 /"', 'cases.first.inputs.W.scale: "2 /"'),
    # forward.py against lesson.toml
    toml("an input that forward() does not take", "x = {", 'q = { shape = ["n"] }\nx = {',
          "lesson.toml draws the input q, which forward() does not take", "forward.py: def forward"),
    forward("an argument that is not listed", "row, n)", "row, widht)",
            "takes widht, which lesson.toml lists neither under [inputs] nor under [sizes]; did you mean width?"),
    toml("a loss of another name", 'loss = "loss"', 'loss = "cost"',
          "forward() returns loss, but lesson.toml's loss is cost", "forward.py: return loss"),
    toml("a loss that no line makes", 'loss = "loss"', 'loss = "x"',
          "forward() returns loss, but lesson.toml's loss is x", "forward.py: return loss"),
    # the lines of forward()
    forward("a cycle", "y = x @ W", "y = z @ W",
          "y is made from z, which is made only in line 8: the lines form a cycle or stand in the wrong order"),
    forward("a tensor made from itself", "y = x @ W", "y = y @ W",
          "y is made from y, which is made only in line 7: the lines form a cycle"),
    forward("a line without a name", "z = y.exp()", "z = y.exp()\n    z.exp()",
          "a line without a name; write `name = ...`", "    z.exp()"),
    forward("a name made twice", "z = y.exp()", "z = y.exp()\n    z = y + 1",
          "z is made twice; every tensor needs a name of its own", "z = y + 1"),
    forward("an argument made anew", "z = y.exp()", "z = y.exp()\n    x = y + 1",
          "x is made twice; every tensor needs a name of its own", "x = y + 1"),
    forward("two names at once", "z = y.exp()", "z, v = y.exp(), y", "an assignment to something else than one name"),
    forward("two names for one tensor", "z = y.exp()", "z = v = y.exp()",
          "an assignment to something else than one name"),
    forward("an assignment to an entry", "z = y.exp()", "z = y.exp()\n    z[0] = 1",
          "an assignment to something else than one name", "z[0] = 1"),
    forward("an update in place", "z = y.exp()", "z = y.exp()\n    z += 1",
          "an update in place; give the new tensor a name of its own", "z += 1"),
    forward("an if", "z = y.exp()", "if n:\n        z = y.exp()",
          "if statement; forward() is made of assignments alone", "if n:"),
    forward("a for", "z = y.exp()", "for i in range(n):\n        z = y.exp()",
          "for statement; forward() is made of assignments alone", "for i in"),
    forward("no return", "\n    return loss", "", "forward() has to end with `return loss`", "    loss ="),
    forward("a return of an expression", "return loss", "return loss * 1", "forward() has to end with `return loss`"),
    forward("a return of another name", "return loss", "return z",
          "forward() returns z, but lesson.toml's loss is loss"),
    forward("an unknown name", "z = y.exp()", "z = yy.exp()",
          "z is made from yy, which is neither an argument of forward() nor made by a line above; did you mean y?"),
    forward("no forward()", "def forward", "def backward",
          "has no function `forward`; the network is its body", '"""A small'),
    forward("a bracket that is never closed", "z = y.exp()", "z = y.exp(", "is not Python: '(' was never closed"),
    forward("a line with too many blanks", "    z = y.exp()", "     z = y.exp()", "is not Python: unexpected indent"),
)  # fmt: skip


def _written(folder: Path, broken: Broken) -> str:
    """Writes the broken lesson into `folder`; the "file:line" that has to be named."""
    texts = {"lesson.toml": SMALL_TOML, "forward.py": SMALL_FORWARD}
    assert texts[broken.file].count(broken.old) >= 1
    texts[broken.file] = texts[broken.file].replace(broken.old, broken.new, 1)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    at = broken.new if broken.at is None else broken.at
    file, separator, rest = at.partition(": ")
    if not separator or file not in texts:
        file, rest = broken.file, at
    if not rest:
        return str(folder / file)
    assert texts[file].count(rest) == 1, f"{rest!r} is not one place"
    return f"{folder / file}:{texts[file][: texts[file].index(rest)].count(chr(10)) + 1}"


def _params(table: Iterable[Broken]) -> list[Any]:
    return [pytest.param(broken, id=broken.name) for broken in table]


def test_the_small_lesson_is_read_when_nothing_is_wrong_with_it(tmp_path: Path) -> None:
    _written(tmp_path, toml("nothing", "schema = 1", "schema = 1"))
    lesson = load_lesson(tmp_path)
    assert [step.path for step in lesson.steps] == ["ex_one.dz", "ex_one.dy"]
    assert [dict(case.sizes) for case in lesson.cases] == [{"n": 5, "width": 2}, {"n": 7, "width": 5}]
    assert lesson.cases[0].inputs["W"].scale == 2.0
    assert lesson.cases[1].inputs["W"].scale == "1 / width"


@pytest.mark.parametrize("broken", _params(BROKEN))
def test_what_is_wrong_with_a_lesson_is_said_with_file_line_and_reason(broken: Broken, tmp_path: Path) -> None:
    place = _written(tmp_path, broken)
    with pytest.raises(KitError) as caught:
        load_lesson(tmp_path)
    assert caught.value.exit_code == USAGE
    assert caught.value.where == place
    assert broken.says in caught.value.what


# Every key of lesson.toml with values of every kind that make no sense there.

WHOLE: dict[str, Any] = {
    "schema": 1, "name": "small", "title": "Small", "loss": "loss",
    "video": "https://example.org/v", "notebook": "a.ipynb",
    "sizes": {"n": 4, "width": 3},
    "inputs": {
        "x": {"shape": ["n", "width"], "scale": 1.0, "shift": 0.5, "values": [0.5]},
        "W": {"shape": ["width", "width"]},
        "row": {"shape": ["n"], "below": "width"},
    },
    "cases": [{"name": "first", "sizes": {"n": 5}, "inputs": {"x": {"scale": 2}}, "ties": False, "upstream": 1.0}],
    "limits": {
        "call_seconds": 1, "step_seconds": 5, "submission_seconds": 50, "training_seconds": 20, "memory_mib": 2048
    },
    "credit": {"shape": 0.5, "mutates": 0.5, "hard-coded": 0.5},
    "training": {"batch": ["x"], "learning_rate": 0.1, "check": {"steps": 3, "sizes": {"n": 3}}, "grade": {"steps": 3}},
    "vocabulary": {"names": ["a"], "attributes": ["b"], "modules": ["c"]},
    "exercises": [{
        "name": "ex_one", "title": "One", "about": "it", "chain": True, "function": "back", "unless_reads": ["*"],
        "steps": [{"name": "dz", "points": 1, "watch": "1:00", "hints": ["a"], "kind": "gradient"}],
    }],
}  # fmt: skip
Keys = tuple[str | int, ...]
NUMBERS = [-1, -0.5, float("nan"), float("inf"), float("-inf"), 10**40]
NO_TEXT = [3, 0.5, True, ["a"], {"a": 1}]
NO_NUMBER = ["5", "", True, [1], {"a": 1}, *NUMBERS]
NO_TABLE = [3, True, "a", [1]]
NO_TEXTS = [3, True, "a", {"a": 1}, [3], [True], [["a"]]]
BAD: dict[Keys, list[Any]] = {
    ("schema",): ["1", True, 1.0, 2, -1],
    ("name",): [*NO_TEXT, "", "../up", "a b"],
    ("title",): NO_TEXT,
    ("loss",): [*NO_TEXT, "", "no name"],
    ("video",): [*NO_TEXT, "javascript:alert(1)", "lecture.mp4"],
    ("notebook",): [*NO_TEXT, "../a.ipynb", "a.txt"],
    ("sizes",): NO_TABLE,
    ("sizes", "n"): [*NO_NUMBER, 0, 1.5, 10**7],
    ("inputs",): NO_TABLE,
    ("inputs", "x"): NO_TABLE,
    ("inputs", "x", "shape"): [3, "n", True, {"a": 1}, [True], [0.5], [["n"]], [-1], [0], [10**40], ["n - 4"], ["m"]],
    ("inputs", "x", "scale"): ["m", "", True, [1], {"a": 1}, *NUMBERS],
    ("inputs", "x", "shift"): ["5", "n", True, [1], float("nan"), float("inf"), 10**40],
    ("inputs", "x", "values"): [1, "a", True, {"a": 1}, [], ["a"], [True], [float("nan")], [float("inf")], [10**40]],
    ("inputs", "row", "below"): ["m", "", True, [1], 0, 2.5, "n / 3", *NUMBERS],
    ("cases",): [3, True, "a", [], [3], ["a"], {"a": 1}],
    ("cases", 0, "name"): NO_TEXT,
    ("cases", 0, "sizes"): [*NO_TABLE, {"m": 3}],
    ("cases", 0, "sizes", "n"): [*NO_NUMBER, 0, 1.5],
    ("cases", 0, "inputs"): [*NO_TABLE, {"y": {}}],
    ("cases", 0, "inputs", "x"): NO_TABLE,
    ("cases", 0, "inputs", "x", "scale"): ["m", True, [1], *NUMBERS],
    ("cases", 0, "ties"): [1, 0, "true", [True]],
    ("cases", 0, "upstream"): [*NO_NUMBER, 0],
    ("limits",): NO_TABLE,
    ("limits", "call_seconds"): [*NO_NUMBER, 0, 10**6],
    ("limits", "step_seconds"): [*NO_NUMBER, 0, 10**6],
    ("limits", "submission_seconds"): [*NO_NUMBER, 0],
    ("limits", "training_seconds"): [*NO_NUMBER, 0],
    ("limits", "memory_mib"): [*NO_NUMBER, 0, 512.5],
    ("credit",): NO_TABLE,
    ("credit", "shape"): [*NO_NUMBER, 1.01, 50],
    ("credit", "mutates"): [*NO_NUMBER, 2],
    ("credit", "hard-coded"): [*NO_NUMBER, 2],
    ("training",): NO_TABLE,
    ("training", "batch"): [*NO_TEXTS, [], ["y"]],
    ("training", "learning_rate"): [*NO_NUMBER, 0],
    ("training", "check"): NO_TABLE,
    ("training", "grade"): [*NO_TABLE, {}],
    ("training", "check", "steps"): [*NO_NUMBER, 0, 2.5],
    ("training", "check", "sizes"): [*NO_TABLE, {"m": 3}],
    ("training", "check", "sizes", "n"): [*NO_NUMBER, 0],
    ("vocabulary",): NO_TABLE,
    ("vocabulary", "names"): NO_TEXTS,
    ("vocabulary", "attributes"): NO_TEXTS,
    ("vocabulary", "modules"): NO_TEXTS,
    ("exercises",): [3, True, "a", [], [3], ["a"], {"a": 1}],
    ("exercises", 0, "name"): [*NO_TEXT, "", "../up", "a b", "1st", "class"],
    ("exercises", 0, "title"): NO_TEXT,
    ("exercises", 0, "about"): NO_TEXT,
    ("exercises", 0, "chain"): [1, "true", []],
    ("exercises", 0, "function"): [*NO_TEXT, "", "a b"],
    ("exercises", 0, "unless_reads"): NO_TEXTS,
    ("exercises", 0, "steps"): [3, True, "a", [], [3], ["a"], {"a": 1}],
    ("exercises", 0, "steps", 0, "name"): [*NO_TEXT, "", "a b", "z", "dq"],
    ("exercises", 0, "steps", 0, "points"): [*NO_NUMBER, 0, 10**5],
    ("exercises", 0, "steps", 0, "watch"): [*NO_TEXT, "later", "1:2:3"],
    ("exercises", 0, "steps", 0, "hints"): NO_TEXTS,
    ("exercises", 0, "steps", 0, "kind"): [*NO_TEXT, "", "Gradient", "training "],
}  # fmt: skip


def _as_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_as_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_as_toml, value)) + "]"
    return json.dumps(value) if isinstance(value, str | bool) else str(value)


def _load(folder: Path, whole: dict[str, Any]) -> Lesson:
    text = "".join(f"{key} = {_as_toml(value)}\n" for key, value in whole.items())
    (folder / "lesson.toml").write_text(text, encoding="utf-8")
    (folder / "forward.py").write_text(SMALL_FORWARD, encoding="utf-8")
    return load_lesson(folder)


def _parent(whole: Any, path: Keys) -> Any:
    for part in path[:-1]:
        whole = whole[part]
    return whole


def _paths(value: Any, path: Keys = ()) -> Iterable[Keys]:
    """Of every key in a lesson, tables and lists of tables included."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in pairs:
        if isinstance(value, dict):
            yield (*path, key)
        if isinstance(one, dict) or (isinstance(one, list) and isinstance(one[0], dict)):
            yield from _paths(one, (*path, key))


def test_the_table_of_values_that_make_no_sense_has_every_key_of_a_lesson(tmp_path: Path) -> None:
    assert len(_load(tmp_path, WHOLE).steps) == 1
    same = {
        ("inputs", "W"),
        ("inputs", "W", "shape"),
        ("inputs", "row"),
        ("inputs", "row", "shape"),
        ("sizes", "width"),
    }
    same |= {("training", "grade", "steps")}
    assert set(_paths(WHOLE)) - same == set(BAD)
    listed = {key for table in KEYS.values() for key in table}
    assert listed <= {key for path in BAD for key in path}


@pytest.mark.parametrize("path", BAD, ids=lambda path: ".".join(map(str, path)))
def test_a_value_that_makes_no_sense_is_said_with_its_file_its_key_and_what_is_allowed(
    path: Keys, tmp_path: Path
) -> None:
    key = str(path[-1])
    for bad in BAD[path]:
        spoiled = copy.deepcopy(WHOLE)
        _parent(spoiled, path)[path[-1]] = bad
        with pytest.raises(KitError) as caught:
            _load(tmp_path, spoiled)
        told = str(caught.value)
        assert told.startswith(str(tmp_path)), (bad, told)
        assert "lesson.toml" in told, (bad, told)
        assert caught.value.exit_code == USAGE
        assert key.removesuffix("s") in told or "the step" in told, (bad, told)
        assert len(told.removeprefix(str(tmp_path))) < 400, (bad, told)


@pytest.mark.parametrize(
    "path", [path for path in BAD if not isinstance(path[-1], int)], ids=lambda p: ".".join(map(str, p))
)
def test_a_key_that_is_nearly_right_is_told_the_right_one(path: Keys, tmp_path: Path) -> None:
    key = str(path[-1])
    if path[:-1] in {
        ("sizes",),
        ("inputs",),
        ("cases", 0, "inputs"),
        ("cases", 0, "sizes"),
        ("training", "check", "sizes"),
    }:
        return  # these are names of the lesson's own
    spoiled = copy.deepcopy(WHOLE)
    table = _parent(spoiled, path)
    table[f"{key}x"] = table.pop(key)
    with pytest.raises(KitError) as caught:
        _load(tmp_path, spoiled)
    assert f'unknown key "{key}x"' in caught.value.what
    assert key in caught.value.what.partition("did you mean ")[2]


def test_a_step_may_be_worth_nothing_but_not_every_step(tmp_path: Path) -> None:
    steps = WHOLE["exercises"][0]["steps"]
    free = {
        **copy.deepcopy(WHOLE),
        "exercises": [{**WHOLE["exercises"][0], "steps": [*steps, {"name": "dy", "points": 0}]}],
    }
    assert [step.points for step in _load(tmp_path, free).steps] == [1, 0]


CLI = ("unknown key in a step", "not TOML", "a cycle")


@pytest.mark.parametrize("broken", _params(broken for broken in BROKEN if broken.name in CLI))
def test_the_command_line_says_the_same_on_stderr_and_ends_with_2(broken: Broken, tmp_path: Path) -> None:
    place = _written(tmp_path, broken)
    ran = run_grader("check", "--lesson", tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"grader check: {place}: ")
    assert broken.says in ran.stderr
    assert "Traceback" not in ran.stderr


RUN = (
    forward("shapes that do not fit", "y = x @ W", "y = W @ x", "RuntimeError: mat1 and mat2 shapes"),
    forward("a function that does not exist", "y.exp()", "y.expp()", "AttributeError: 'Tensor' object"),
    forward("an import that does not exist", "import torch", "import torchh", "No module named 'torchh'"),
    forward("a line that makes no tensor", "z = y.exp()", "z = 3"),
    forward("a loss that is no single number", "(z * w).sum()", "(z * w)"),
)


@pytest.mark.parametrize("broken", [broken for broken in RUN if broken.says], ids=lambda broken: broken.name)
def test_a_forward_that_cannot_be_run_is_the_lessons_fault_and_says_why(
    broken: Broken, tmp_path: Path, warm: Warm
) -> None:
    _written(tmp_path, broken)
    with pytest.raises(KitError) as caught:
        Judge(load_lesson(tmp_path), 0, warm)
    assert caught.value.exit_code == USAGE
    assert caught.value.where.startswith(str(tmp_path / "forward.py"))
    assert broken.says in caught.value.what


@pytest.mark.parametrize("broken", _params(RUN))
def test_a_forward_that_cannot_be_run_names_the_line_that_failed(broken: Broken, tmp_path: Path, warm: Warm) -> None:
    place = _written(tmp_path, broken)
    with pytest.raises(KitError) as caught:
        Judge(load_lesson(tmp_path), 0, warm)
    assert (caught.value.exit_code, caught.value.where) == (USAGE, place)


@pytest.mark.parametrize(
    "name",
    [
        "lesson.toml",
        "forward.py",
    ],
)
def test_a_file_that_is_not_utf8_is_refused_by_name(name: str, tmp_path: Path) -> None:
    _written(tmp_path, toml("nothing", "schema = 1", "schema = 1"))
    (tmp_path / name).write_bytes(b"# caf\xe9\n" + (tmp_path / name).read_bytes())
    with pytest.raises(KitError, match="is not UTF-8 text") as caught:
        load_lesson(tmp_path)
    assert (caught.value.exit_code, caught.value.where) == (USAGE, str(tmp_path / name))


@pytest.mark.parametrize("name", ["lesson.toml", "forward.py"])
def test_a_file_that_is_not_there_is_refused_by_name(name: str, tmp_path: Path) -> None:
    _written(tmp_path, toml("nothing", "schema = 1", "schema = 1"))
    (tmp_path / name).unlink()
    with pytest.raises(KitError, match="No such file") as caught:
        load_lesson(tmp_path)
    assert (caught.value.exit_code, caught.value.where) == (USAGE, str(tmp_path / name))


def test_a_lesson_without_a_single_case_is_refused(tmp_path: Path) -> None:
    start, end = SMALL_TOML.index("[[cases]]"), SMALL_TOML.index("[limits]")
    text = SMALL_TOML.replace(SMALL_TOML[start:end], "").replace("[sizes]", "cases = []\n\n[sizes]")
    _written(tmp_path, toml("nothing", "schema = 1", "schema = 1"))
    (tmp_path / "lesson.toml").write_text(text, encoding="utf-8")
    with pytest.raises(KitError, match="case"):
        load_lesson(tmp_path)


@pytest.mark.parametrize("expression", ["torch.stack([part for part in y])", "(lambda part: part.exp())(y)"])
def test_an_expression_may_bind_names_of_its_own(expression: str, tmp_path: Path) -> None:
    _written(tmp_path, forward("own names", "y.exp()", expression))
    assert load_lesson(tmp_path).graph.by_tensor["z"].reads == ("y",)


@dataclass(frozen=True)
class Facts:
    """What forward.py says about one tensor. `reaches` is the first line downstream; all lines from it on are, too."""

    tensor: str
    reads: tuple[str, ...]
    users: tuple[str, ...]
    reaches: str
    picks: bool = False


MLP = (
    Facts("emb", ("C", "Xb"), ("embcat",), "embcat"),
    Facts("embcat", ("emb",), ("hprebn",), "hprebn"),
    Facts("hprebn", ("embcat", "W1", "b1"), ("bnmeani", "bndiff"), "bnmeani"),
    Facts("bnmeani", ("hprebn",), ("bndiff",), "bndiff"),
    Facts("bndiff", ("hprebn", "bnmeani"), ("bndiff2", "bnraw"), "bndiff2"),
    Facts("bnvar", ("bndiff2",), ("bnvar_inv",), "bnvar_inv"),
    Facts("bnraw", ("bndiff", "bnvar_inv"), ("hpreact",), "hpreact"),
    Facts("hpreact", ("bngain", "bnraw", "bnbias"), ("h",), "h"),
    Facts("logits", ("h", "W2", "b2"), ("logit_maxes", "norm_logits"), "logit_maxes"),
    Facts("logit_maxes", ("logits",), ("norm_logits",), "norm_logits", picks=True),
    Facts("counts", ("norm_logits",), ("counts_sum", "probs"), "counts_sum"),
    Facts("counts_sum", ("counts",), ("counts_sum_inv",), "counts_sum_inv"),
    Facts("logprobs", ("probs",), ("loss",), "loss"),
)


@pytest.mark.parametrize("facts", MLP, ids=lambda facts: facts.tensor)
def test_the_graph_is_what_forward_says(facts: Facts, lesson: Lesson) -> None:
    graph = lesson.graph
    names = [statement.tensor for statement in graph.statements]
    statement = graph.by_tensor[facts.tensor]
    assert statement.reads == facts.reads
    assert tuple(user.tensor for user in graph.users[facts.tensor]) == facts.users
    assert graph.downstream[facts.tensor] == set(names[names.index(facts.reaches) :])
    assert statement.picks == facts.picks


def test_the_loss_is_used_by_nothing_and_inputs_are_made_by_nothing(lesson: Lesson) -> None:
    graph = lesson.graph
    assert graph.by_tensor["loss"].reads == ("logprobs", "Yb")
    assert graph.users["loss"] == ()
    assert graph.downstream["loss"] == frozenset()
    assert graph.inputs == ("Xb", "Yb", "C", "W1", "b1", "W2", "b2", "bngain", "bnbias")
    assert not set(graph.inputs) & set(graph.by_tensor)
    assert graph.downstream["C"] == set(graph.by_tensor)


def test_a_statement_knows_its_line_and_its_text(lesson: Lesson) -> None:
    lines = (lesson.folder / "forward.py").read_text(encoding="utf-8").splitlines()
    for statement in lesson.graph.statements:
        assert lines[statement.line - 1].split("  #")[0].strip() == statement.source
    line = lesson.graph.by_tensor["counts_sum"].line
    assert lesson.graph.uses("counts") == (
        f"counts_sum = counts.sum(1, keepdim=True)  (forward.py:{line}); "
        f"probs = counts * counts_sum_inv  (forward.py:{line + 2})"
    )


def test_what_lies_beside_the_way_to_the_loss_is_not_downstream(tmp_path: Path) -> None:
    _written(
        tmp_path, forward("a dead end", "    w = y[row]", "    w = y[row]\n    aside = z + y\n    end = aside * 2")
    )
    graph = load_lesson(tmp_path).graph
    assert graph.downstream["y"] == {"z", "w", "loss"}
    assert graph.downstream["aside"] == frozenset()
    assert [user.tensor for user in graph.users["y"]] == ["z", "w", "aside"]
