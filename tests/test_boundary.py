"""The trust boundary in the file list: who may import whom, where code is made of text, and what loads torch."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from grader.judge.job import Request
from grader.judge.submission import Judge
from grader.lesson import Lesson, load_lesson
from grader.results.store import RunFolder, as_text
from grader.results.summary import summary_of
from grader.submission.find import submission_at
from grader.warm.client import Warm
from tests.support import ROOT

PACKAGE = ROOT / "grader"
MODULES = sorted(PACKAGE.rglob("*.py"))
SAMPLE = ROOT / "data" / "class" / "s01"

# Which part of the package may import which, also inside a function. A new edge is a decision: write it here.
EDGES = {
    "__main__": "cli",
    "bounds": "",
    "cli": "__version__ errors names streams",
    "errors": "",
    "invocation": "",
    "names": "",
    "scope": "syntax",
    "streams": "wording",
    "syntax": "",
    "commands": "__version__ copies errors export invocation judge lesson names report results run seal "
    "submission warm watch wording",
    "jupyter": "commands errors judge lesson names report results run submission warm wording",
    "lesson": "errors invocation names scope wording",
    "submission": "downloads errors lesson names scope syntax wire wording",
    "judge": "__version__ bounds errors lesson names report results scope seal submission syntax warm wire wording",
    "results": "__version__ downloads errors lesson submission wording",
    "report": "downloads invocation lesson results submission wording",
    "copies": "lesson report submission",
    "export": "downloads errors invocation lesson results wording",
    "run": "bounds copies errors invocation judge lesson report results seal submission warm wire",
    "seal": "",
    "warm": "errors seal",
    "watch": "downloads errors invocation judge lesson report results run seal submission warm wording",
    "downloads": "errors",
    "runner": "names seal wire",
    "wire": "",
    "wording": "",
}
# Modules that are named in a text: to be imported by the command line and in forked processes, or for their files.
NAMED_IN_TEXT = {
    "cli.py": {"grader.commands"},
    "copies/page.py": {"grader.copies", "grader.report"},
    "jupyter/show.py": {"grader.jupyter"},
    "lesson/notebook.py": {"grader.jupyter"},
    "report/render.py": {"grader.report"},
    "run/bounded.py": {"grader.run.answering"},
    "warm/client.py": {"grader.warm.process"},
    "warm/process.py": {"grader.judge.serve", "grader.runner.serve"},
}
FAR_SIDE = ("seal", "runner", "wire", "warm")
NEAR_SIDE = {"judge", "submission", "results", "lesson", "report", "run", "commands", "jupyter"}

# Words that make code of text or objects of bytes, and the only modules that may say them.
ALLOWED_WORDS = {
    "cli.py": {"import_module"},
    "commands/train.py": {"exec_module"},
    "lesson/network.py": {"compile", "eval", "exec"},
    "warm/process.py": {"import_module"},
    "runner/flat.py": set(),
    "runner/language/compiler.py": {"compile"},
    "submission/syntax.py": {"compile"},  # to a syntax tree alone
    "runner/language/facades.py": {"exec", "import_module"},
    "runner/language/tables.py": {"import_module"},
    "runner/program.py": {"exec"},
    "runner/serve.py": {"import_module"},
}
CALLS = {"__import__", "compile", "eval", "exec", "exec_module", "import_module", "run_module", "run_path"}
ALLOWED_MODULES = {"seal/process.py": {"ctypes"}, "runner/autograd.py": {"ctypes"}}  # for prctl, and to keep an object
UNPICKLERS = {"cloudpickle", "ctypes", "dill", "joblib", "marshal", "pickle", "shelve"}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _part(path: Path) -> str:
    """`judge` for grader/judge/steps.py, `cli` for grader/cli.py, '' for grader/__init__.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py").replace("__init__", "")


def _imports(path: Path) -> Iterator[str]:
    """The dotted name of everything that a module imports, at its top or within a function."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{_name(path)}:{node.lineno} imports by dots; name the package"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _parts_imported(path: Path) -> set[str]:
    return {name.split(".")[1] for name in _imports(path) if name.startswith("grader.")}


def _called(node: ast.AST) -> str:
    """What a call calls: f(), a.f() -> f. A method `compile` is re's, and none of ours."""
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name
        case ast.Call(func=ast.Attribute(attr=name)) if name not in ("compile", "eval"):
            return name
    return ""


def _texts(path: Path) -> Iterator[str]:
    """The strings of a module that are no docstrings."""
    tree = _tree(path)
    statements = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in statements:
            yield node.value


# Imports


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_imports_only_what_its_part_may(path: Path) -> None:
    part = _part(path)
    new = _parts_imported(path) - set(EDGES.get(part, "").split()) - {part}
    assert not new, f"grader/{_name(path)} imports {', '.join(sorted(new))}: is {part} -> that part meant?"


def test_the_table_of_imports_holds_no_edge_that_is_not_used() -> None:
    used: dict[str, set[str]] = {part: set() for part in EDGES}
    for path in MODULES:
        used.setdefault(_part(path), set()).update(_parts_imported(path) - {_part(path)})
    used.pop("", None)
    assert {part: " ".join(sorted(parts)) for part, parts in used.items()} == EDGES


@pytest.mark.parametrize("part", FAR_SIDE)
def test_the_far_side_cannot_come_to_import_what_judges(part: str) -> None:
    reached, to_follow = set[str](), [part]
    while to_follow:
        for further in set(EDGES.get(to_follow.pop(), "").split()) - reached:
            reached.add(further)
            to_follow.append(further)
    assert not reached & NEAR_SIDE


def test_modules_that_are_named_in_texts_are_the_known_ones() -> None:
    found: dict[str, set[str]] = {}
    for path in MODULES:
        named = {match for text in _texts(path) for match in re.findall(r"\bgrader(?:\.[a-z_]+)+", text)}
        modules = {name for name in named if (ROOT / Path(*name.split("."))).with_suffix(".py").exists()}
        packages = {name for name in named if (ROOT / Path(*name.split("."))).is_dir()}
        if modules | packages:
            found[_name(path)] = modules | packages
    assert found == NAMED_IN_TEXT


# Code made of text, objects made of bytes


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_code_is_made_of_text_only_where_it_is_meant(path: Path) -> None:
    said = {_called(node) for node in ast.walk(_tree(path))} & CALLS
    assert said == ALLOWED_WORDS.get(_name(path), set())


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_nothing_is_unpickled(path: Path) -> None:
    assert not {name.split(".")[0] for name in _imports(path)} & UNPICKLERS - ALLOWED_MODULES.get(_name(path), set())
    for node in ast.walk(_tree(path)):
        match node:
            case ast.Attribute(value=ast.Name(id="torch"), attr="load" | "save" | "jit" | "package" as word):
                pytest.fail(f"grader/{_name(path)}:{node.lineno} uses torch.{word}")
            case ast.keyword(arg="allow_pickle" | "weights_only" | "shell" as word):
                pytest.fail(f"grader/{_name(path)}:{node.value.lineno} says {word}=")


@pytest.mark.parametrize("path", [path for path in MODULES if _part(path) in FAR_SIDE], ids=_name)
def test_the_far_side_names_no_verdict(path: Path) -> None:
    verdicts = {"right", "wrong", "exact", "hard-coded", "mutates", "credit", "points", "score"}
    assert not verdicts & set(_texts(path))


# torch is imported by those who need it

WITHOUT_TORCH = """
import sys
from grader.cli import main
try:
    code = main(sys.argv[1:])
except SystemExit as leaving:
    code = leaving.code
print("", *sorted({"torch", "numpy", "matplotlib"} & set(sys.modules)), sep="\\n", file=sys.stderr)
sys.exit(code)
"""


def _loaded_by(*arguments: str | Path) -> list[str]:
    """Which of the heavy libraries a command has imported when it ends (well)."""
    command = [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()[1:]


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "--version",
        "check --help",
        "grade --help",
        "watch --help",
        "release --help",
        "hint dprobs",
        "hint dprobs --level 3",
    ],
)
def test_a_command_that_judges_nothing_does_not_import_torch(command: str) -> None:
    assert _loaded_by(*command.split()) == []


def test_a_picture_without_verdicts_is_drawn_without_torch(tmp_path: Path) -> None:
    assert _loaded_by("map", "--out", tmp_path / "map.html") == []
    assert (tmp_path / "map.html").is_file()


def test_a_class_that_is_unchanged_is_reported_without_torch(
    judge: Judge, warm: Warm, lesson: Lesson, tmp_path: Path
) -> None:
    own = load_lesson(lesson.folder)
    folder = RunFolder(tmp_path / "grades", own)
    submission = submission_at(SAMPLE, own)
    folder.begin([submission.name], [SAMPLE], 0, regrade=False)
    result = judge.judge(Request(submission))
    basis = folder.basis(submission, 0, warm.isolation.layers)
    folder.publish(summary_of(result), basis, as_text(result.as_json()), "<p>its page</p>")
    folder.close()
    assert _loaded_by("grade", SAMPLE, "--out", tmp_path / "grades") == []
    assert "s01" in (tmp_path / "grades" / "grades.csv").read_text(encoding="utf-8")


def test_the_far_side_imports_torch_and_nothing_that_judges() -> None:
    script = "import sys, grader.warm.process, grader.runner.serve; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    parts = {name.split(".")[1] for name in done.stdout.split() if name.startswith("grader.")}
    assert parts == {"names", "runner", "seal", "warm", "wire"}
