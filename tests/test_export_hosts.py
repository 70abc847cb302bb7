"""The kit as hosts run it: their folders, their scripts, their shells; and the same verdicts in all of them."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from grader.cli import main
from grader.export.archive import runtime_pins
from tests.support import ROOT, run_grader

pytestmark = pytest.mark.xdist_group("hosts")  # what takes long to set up is set up once
SAMPLE = ROOT / "data" / "class" / "s05"
SEED = 7
# Nothing is installed by a test: pip finds everything in place, or fails.
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
KIT = ("grader", "exercises", "requirements.lock", "pyproject.toml")


def run(command: list[str], cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), **OFFLINE, **variables}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)


def answers(folder: Path) -> Path:
    """One submission with right, wrong and missing steps, and a student's own .github beside them."""
    folder.mkdir(parents=True)
    for name in ("ex1_chain.py", "ex2_cross_entropy.py", "forward.py"):
        shutil.copy(SAMPLE / name if (SAMPLE / name).exists() else ROOT / "exercises" / "mlp" / name, folder)
    return folder


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> str:
    """results.json by the command that everybody has."""
    folder = tmp_path_factory.mktemp("laptop")
    done = run_grader("grade", answers(folder / "submission"), "--out", folder / "grades", "--seed", str(SEED))
    assert done.returncode == 0, done.stdout + done.stderr
    return (folder / "grades" / "submissions" / "submission" / "results.json").read_text(encoding="utf-8")


# ---- Gradescope


def unpack(archive: Path, target: Path) -> None:
    """As unzip does, with the modes of the files."""
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            Path(opened.extract(entry, target)).chmod(entry.external_attr >> 16 & 0o777)


@pytest.fixture(scope="module")
def autograder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image that Gradescope builds: /autograder with the zip in source/, and setup.sh run once."""
    root = tmp_path_factory.mktemp("autograder")
    archive = root / "autograder.zip"
    assert main(["export", "gradescope", "--seed", str(SEED), "--out", str(archive)]) == 0
    unpack(archive, root / "source")
    shutil.copy(root / "source" / "run_autograder", root)
    (root / "venv").symlink_to(sys.prefix)  # what setup.sh would make, with everything in it
    done = run([str(root / "source" / "setup.sh")], root, AUTOGRADER_ROOT=str(root))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Requirement already satisfied: torch==" in done.stdout
    return root


@pytest.fixture
def grade_there(autograder: Path, tmp_path: Path) -> Iterator[Any]:
    """Runs run_autograder on what is in submission/; returns the two kinds of results."""

    def grade() -> tuple[dict[str, Any], Path]:
        done = run(
            [str(autograder / "run_autograder")], tmp_path, AUTOGRADER_ROOT=str(autograder), KEEP_RESULTS=str(tmp_path)
        )
        assert done.returncode == 0, done.stdout + done.stderr
        document: dict[str, Any] = json.loads((autograder / "results" / "results.json").read_text(encoding="utf-8"))
        return document, tmp_path / "submissions" / "submission" / "results.json"

    yield grade
    for name in ("submission", "results"):
        shutil.rmtree(autograder / name, ignore_errors=True)


def _but_for_the_seed(text: str) -> dict[str, Any]:
    """What is in results.json whatever the seed is."""
    told: dict[str, Any] = json.loads(text)
    for exercise in told["exercises"]:
        for step in exercise["steps"]:
            step.pop("instructor")
    return {key: value for key, value in told.items() if key != "seed"}


def test_gradescope_gives_the_same_results_as_the_laptop_but_for_the_seed(
    autograder: Path, grade_there: Any, laptop: str
) -> None:
    answers(autograder / "submission")
    document, own = grade_there()
    assert _but_for_the_seed(own.read_text(encoding="utf-8")) == _but_for_the_seed(laptop)
    assert document["score"] == json.loads(laptop)["score"] > 0


def test_gradescope_draws_a_seed_of_128_bits_for_each_upload_and_the_same_for_its_regrade(
    autograder: Path, grade_there: Any
) -> None:
    answers(autograder / "submission")
    seeds = []
    for upload in (1, 2, 1):
        told = {"id": upload, "created_at": "2026-11-27T12:00:00Z"}
        (autograder / "submission_metadata.json").write_text(json.dumps(told), encoding="utf-8")
        _, own = grade_there()
        seeds.append(json.loads(own.read_text(encoding="utf-8"))["seed"])
        shutil.rmtree(own.parents[1])
    (autograder / "submission_metadata.json").unlink()
    assert seeds[0] == seeds[2] != seeds[1]
    assert all(1 << 100 < seed < 1 << 128 for seed in seeds)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"report.pdf": "%PDF"}, "handed in nothing that can be graded: report.pdf"),
        ({}, "handed in nothing that can be graded: an empty folder"),
        ({"a.py": "x = 1", "b.py": "y = 2"}, "0 of 44 points"),
    ],
)
def test_a_student_who_uploads_no_answers_is_told_so_with_no_points(
    autograder: Path, grade_there: Any, files: Mapping[str, str], said: str
) -> None:
    (autograder / "submission").mkdir()
    for name, text in files.items():
        (autograder / "submission" / name).write_text(text, encoding="utf-8")
    document, _ = grade_there()
    assert document["score"] == 0
    assert said in document["output"]


def test_a_fault_of_the_kit_is_the_autograders_failure_and_no_grade(autograder: Path, tmp_path: Path) -> None:
    shutil.copytree(autograder, tmp_path / "autograder", symlinks=True)
    broken = tmp_path / "autograder"
    (broken / "source" / "kit" / "grader" / "judge" / "serve.py").write_text("raise RuntimeError\n", encoding="utf-8")
    answers(broken / "submission")
    done = run([str(broken / "run_autograder")], tmp_path, AUTOGRADER_ROOT=str(broken))
    assert done.returncode != 0
    assert not (broken / "results" / "results.json").exists()


def test_the_archive_has_its_scripts_at_the_root_no_answers_and_no_torch(tmp_path: Path) -> None:
    archives = [tmp_path / "a.zip", tmp_path / "b.zip"]
    for archive in archives:
        assert main(["export", "gradescope", "--seed", "3", "--out", str(archive)]) == 0
    assert archives[0].read_bytes() == archives[1].read_bytes()
    with zipfile.ZipFile(archives[0]) as opened:
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in opened.infolist()}
        assert opened.read("seed") == b"3\n"
    assert {name for name, mode in modes.items() if mode & 0o100} == {"setup.sh", "run_autograder"}
    assert not [name for name in modes if re.search(r"solutions|ex\d|\.pyc|\.whl|tests/", name)]
    assert archives[0].stat().st_size < 2**20


def test_what_setup_installs_is_pinned_and_is_what_running_needs_and_no_more() -> None:
    pins = runtime_pins()
    names = {re.split("[=<>;]", pin)[0].lower() for pin in pins}
    assert all("==" in pin for pin in pins)
    assert {"torch", "jinja2", "markupsafe", "rich", "sandlock", "pyseccomp", "numpy"} <= names
    assert not names & {"pytest", "ruff", "mypy", "hypothesis", "xmlschema"}


# ---- GitHub Actions


def expanded(text: str, outputs: Mapping[str, str]) -> str:
    """The two kinds of expressions that the workflow uses: a secret that is not set, and a step's output."""

    def value(found: re.Match[str]) -> str:
        expression = found.group(1).strip()
        if secret := re.fullmatch(r"secrets\.\w+ \|\| '(\w*)'", expression):
            return secret.group(1)
        name = re.fullmatch(r"steps\.backprop\.outputs\.(\w+)", expression)
        assert name, expression
        return outputs[name.group(1)]

    return re.sub(r"\$\{\{(.*?)\}\}", value, text)


class Runner:
    """Runs the steps of a job in order, as Actions does: its shell, its files for outputs and the summary."""

    def __init__(self, workspace: Path, job: Mapping[str, Any]) -> None:
        self.workspace = workspace
        self.outputs: dict[str, str] = {}
        self.codes: dict[str, int] = {}
        self.log = ""
        variables = {name: expanded(str(value), {}) for name, value in job["env"].items()}
        files = {name: str(workspace.parent / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for step in job["steps"]:
            if "run" in step:
                self._run(step["name"], expanded(step["run"], self.outputs), {**variables, **files})
            elif step["uses"].startswith("classroom-resources/"):
                self.reported = {name: expanded(value, self.outputs) for name, value in step["env"].items()}

    def _run(self, name: str, script: str, variables: Mapping[str, str]) -> None:
        file = self.workspace.parent / "step.sh"
        file.write_text(script, encoding="utf-8")
        done = run(["bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)], self.workspace, **variables)
        self.codes[name] = done.returncode
        self.log += done.stdout + done.stderr
        output = Path(variables["GITHUB_OUTPUT"])
        if output.exists():
            self.outputs = dict(line.split("=", 1) for line in output.read_text(encoding="utf-8").splitlines())


@pytest.fixture(scope="module")
def actions(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """The workflow's job, with both repositories checked out."""
    folder = tmp_path_factory.mktemp("actions")
    file = folder / "grade.yml"
    code = main(["export", "github-workflow", "--kit", "uni/kit@v1", "--seed", str(SEED), "--out", str(file)])
    assert code == 0
    workspace = folder / "work"
    answers(workspace / "submission")
    (workspace / "submission" / ".github" / "workflows").mkdir(parents=True)
    shutil.copy(file, workspace / "submission" / ".github" / "workflows")
    for name in KIT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, workspace / "kit" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, workspace / "kit" / name)
    (workspace / "kit" / ".venv").symlink_to(sys.prefix)
    return Runner(workspace, yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"]["grade"])


def test_actions_gives_the_same_results_as_the_laptop(actions: Runner, laptop: str) -> None:
    assert actions.codes == {"Install": 0, "Grade": 0, "Report": 0, "All steps pass": 1}, actions.log
    own = actions.workspace / "grades" / "submissions" / "submission" / "results.json"
    assert own.read_text(encoding="utf-8") == laptop


def test_the_classroom_reporter_gets_the_points_by_the_runners_name(actions: Runner, laptop: str) -> None:
    (name, value), *none = actions.reported.items()
    assert (name, none) == ("BACKPROP_RESULTS", [])  # runners: backprop, in upper case
    document = json.loads(base64.b64decode(value))
    assert sum(test["score"] for test in document["tests"]) == json.loads(laptop)["score"]
    assert (actions.workspace.parent / "GITHUB_STEP_SUMMARY").read_text(encoding="utf-8").startswith("<h2>")


def test_commands_are_stopped_while_student_code_is_graded(actions: Runner) -> None:
    found = re.search(r"^::stop-commands::(\w{32})$.*^::\1::$", actions.log, re.DOTALL | re.MULTILINE)
    assert found
    assert "::error" not in found.group()
    assert "::error file=ex1_chain.py,line=" in actions.log[found.end() :]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "where does the workflow find the kit?"),
        (("--kit", "uni/kit"), "--kit OWNER/REPOSITORY@REF"),
        (("--kit", "uni/kit@v1\n  evil: x"), "--kit OWNER/REPOSITORY@REF"),
        (("--kit", "uni/kit@v1", "--under", "../.."), "no folder within a repository"),
        (("--kit", "uni/kit@v1", "--under", 'a"; rm'), "no folder within a repository"),
    ],
)
def test_a_workflow_is_written_only_for_plain_names(
    arguments: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "github-workflow", "--out", str(tmp_path / "grade.yml"), *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "grade.yml").exists()
