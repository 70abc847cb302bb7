"""check, hint, progress: in a real kernel, in a plain process, and piece by piece."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import nbformat
import psutil
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from grader.jupyter import show
from grader.jupyter.session import Cell, Place, as_python, numbered, written_in
from grader.lesson import load_lesson
from grader.results.model import Mistake, StepResult
from tests.support import ROOT

MLP = load_lesson(ROOT / "exercises" / "mlp")
TINY = ROOT / "tests" / "lessons" / "exercises" / "tiny"

# --- the text of a session --------------------------------------------------------------------------------


def _text(*cells: str) -> list[str]:
    return [line for line in written_in(numbered(["", *cells])).text.splitlines() if line]


@pytest.mark.parametrize(
    ("cells", "lines"),
    [
        (["x = 1", "y = x"], ["x = 1", "y = x"]),
        (["x = 1\nprint(x)\nx.shape\ncheck(x)"], ["x = 1"]),
        (["def f(): return 1", "def f(): return 2"], ["def f(): return 2"]),
        (["import a.b as f", "import c as f"], ["import c as f"]),
        (["from scipy import *", "import torch"], ["from scipy import *", "import torch"]),
        (["def f(): return g()", "def g(): return 1"], ["def f(): return g()", "def g(): return 1"]),
        (["def f(): return 1", "y = f()", "def f(): return 2"], ["def f(): return 1", "y = f()", "def f(): return 2"]),
        (["def f(): pass", "f = wrap(f)"] * 2, ["def f(): pass", "f = wrap(f)"]),
        (["t = {}\nt['a'] = 1\nt.update(b=2)"], ["t = {}", "t['a'] = 1", "t.update(b=2)"]),
        (["@keep\ndef f():\n    return 1", "x = 1"], ["@keep", "def f():", "    return 1", "x = 1"]),
        (["def f(:", "x = 1"], ["x = 1"]),
        (["x = 1; y = 2"], ["x = 1; y = 2"]),
    ],
)
def test_what_was_run_is_one_program_without_what_no_longer_counts(cells: list[str], lines: list[str]) -> None:
    assert _text(*cells) == lines


@pytest.mark.parametrize(
    ("cell", "python"),
    [
        ("x = 1", "x = 1"),
        ("%%time\nx = 1", "\nx = 1"),
        ("%%capture out\nx = 1", "\nx = 1"),
        ("%%bash\nls", ""),
        ("%%html\n<b>x</b>", ""),
        ("x = = 1", ""),
    ],
)
def test_a_cell_magic_keeps_the_lines_of_its_cell_or_takes_it_away(cell: str, python: str) -> None:
    assert as_python(cell) == python


@pytest.mark.parametrize("magic", ["%matplotlib inline", "!ls", "files = !ls", "x?", "%timeit 1"])
def test_line_magics_do_not_move_the_lines_below_them(magic: str) -> None:
    assert as_python(f"{magic}\n\ndef f():\n    return 1").split("\n")[2:4] == ["def f():", "    return 1"]


def test_every_line_says_in_which_cell_it_stands() -> None:
    written = written_in([Cell(3, "x = 1\nprint(x)\ny = 2"), Cell(7, "\ndef f():\n    return y")])
    assert written.text == "x = 1\ny = 2\ndef f():\n    return y\n"
    assert written.places == (Place(3, 1), Place(3, 3), Place(7, 2), Place(7, 3))
    assert (written.place(3), written.place(0), written.place(5)) == (Place(7, 2), None, None)


# --- what is shown ----------------------------------------------------------------------------------------


def _result(**fields: object) -> StepResult:
    return StepResult(**{"step": "dprobs", "verdict": "wrong", "credit": 0.0, "points": 1.0, **fields})  # type: ignore[arg-type]


def _shown(*results: StepResult) -> show.Shown:
    return show.verdicts(MLP, MLP.exercises[0], "dprobs", results, "")


def test_lines_are_told_as_lines_of_cells() -> None:
    written = written_in(
        [Cell(3, "x = 1\n\ndef helper():\n    return 1"), Cell(7, "\ndef dprobs():\n    return helper()")]
    )
    told = show.in_cells(
        _result(line=5, message="line 5: NameError", mistake=Mistake("sign", "line 3: a lost minus (forward.py:54)")),
        written,
    )
    assert (told.file, told.line, told.message) == ("In [7]", 3, "line 3: NameError")
    assert told.mistake == Mistake("sign", "line 4 of In [3]: a lost minus (forward.py:54)")


def test_texts_of_students_are_escaped_and_cleaned() -> None:
    evil = "<script>alert(1)</script>\x1b[31m"
    shown = _shown(_result(message=evil, output=evil, note=evil, file=evil, line=1, mistake=Mistake("sign", evil)))
    assert "<script>" not in shown.html
    assert "&lt;script&gt;" in shown.html
    assert "\x1b" not in shown.html + shown.plain


def test_neighbours_of_which_the_same_is_to_be_said_share_a_line() -> None:
    names = ("dlogprobs", "dprobs", "dcounts")
    shown = _shown(*(_result(step=name, verdict="missing", message="not filled in yet") for name in names))
    assert shown.plain.splitlines()[0] == "· dlogprobs, dprobs, dcounts  missing  0 of 3 points"


@pytest.mark.parametrize(
    ("rows", "helps"),
    [(("0900", "0000"), True), (("99", "88"), False), (("00", "00"), False), (None, False)],
    ids=["a pattern", "all off", "nothing off", "none"],
)
def test_where_it_is_off_is_drawn_where_that_tells_something(rows: tuple[str, ...] | None, helps: bool) -> None:
    assert ("where the answer is off" in _shown(_result(error_map=rows)).html) == helps


def test_plain_text_fits_80_columns() -> None:
    shown = _shown(_result(message="word " * 60, mistake=Mistake("sign", "word " * 60)))
    assert max(map(len, shown.plain.splitlines())) <= 80


# --- in a kernel ------------------------------------------------------------------------------------------

START = 'from grader.jupyter import check, hint, progress, start\nstart("mlp")'
SESSION: list[tuple[str, Sequence[str]]] = [
    (START, ["36 steps, 44 points"]),
    ("import torch\nimport torch.nn.functional as F", []),
    ("check('dprobs')", ["dprobs is not defined yet"]),
    ("progress()", ["0 of 36 steps pass", "<svg"]),
    ("probs = torch.rand(3, 4)\ndef inverse(x):\n    return 1 / x", []),
    ("# a try of mine\ndef dprobs(dlogprobs, probs):\n    return dlogprobs * inverse(probs)", []),
    ("check(dprobs)", ["= dprobs  exact  1 of 1 point"]),
    ("def inverse(x):\n    return -1 / x", []),
    ("check(dprobs)", ["✗ dprobs  wrong", "In [6], line 2", "it is the negative of the right answer"]),
    ("hint(dprobs)", ["hint 1 of 3", "is wrong: it is the negative", "next: hint(dprobs, 2)"]),
    ("hint(dprobs, 3)", ["hint 3 of 3", "next: check(dprobs)"]),
    ("hint(dprobs, 4)", ["3 levels of hints, no level 4"]),
    ("%%time\ndef dcounts(counts, dprobs, counts_sum_inv, dcounts_sum):\n    return undefined + 1", []),
    ("check(dcounts)", ["e dcounts  error", "In [13], line 3", "name 'undefined' is not defined"]),
    ("db2 = lambda dlogits: dlogits.sum(0)\ncheck(db2)", ["db2  exact"]),
    ("# ex1_chain.dlogits\ndef dlogits(dnorm_logits, dlogit_maxes):\n    return dnorm_logits.clone()", []),
    ("check(dlogits)", ["✗ dlogits  wrong  0 of 1 point", "logit_maxes", "where the answer is off"]),
    ("# ex2_cross_entropy.dlogits\ndef dlogits(logits, Yb, n):\n"
     "    return (F.softmax(logits, 1) - F.one_hot(Yb, logits.shape[1])) / n", []),
    ("check(dlogits)", ["dlogits  right  4 of 4 points"]),
    ("def dlogits(logits, Yb, n):\n    return logits", []),
    ("check(dlogits)", ["dlogits  wrong  0 of 4 points"]),  # without a marker: it reads no gradient
    ("check(dlogits, 'ex1_chain')", ["dlogits  wrong  0 of 1 point"]),
    ("check(dlogits, 'ex2')", ["there is no exercise ex2"]),
    ("check(dlogits, 'ex3_batchnorm')", ["ex3_batchnorm does not ask for dlogits"]),
    ("dW2 = torch.ones(3)\ncheck(dW2)", ["dW2 is a Tensor; check takes the function that returns it"]),
    ("def dprob(x): return x\ncheck(dprob)", ["the name dprob is none; did you mean dprobs"]),
    ("check(torch.ones(2))", ["check takes the function of a step; it is none"]),
    ("hint('dprob')", ["there is no step or path dprob; did you mean dprobs"]),
    ("def dh(dlogits, W2):\n    dlogits.backward()\n    return dlogits @ W2.T\ncheck(dh)",
     ["f dh  forbidden", "In [29], line 2", "dlogits.backward is not available"]),
    ("def db1(dhprebn):\n    return dhprebn.sum(0)\nraise KeyError('later')", ["KeyError"]),
    ("check(db1)", ["db1  exact"]),
    ("raise KeyError('before')\ndef db1(dhprebn):\n    return -dhprebn.sum(0)", ["KeyError"]),
    ("check(db1)", ["the cell that last defined db1 did not run to its end"]),
    ("def gradients(C, W1, b1, W2, b2, bngain, bnbias):\n"
     "    return [torch.zeros_like(t) for t in (C, W1, b1, W2, b2, bngain, bnbias)]\ncheck(gradients)",
     ["dC  wrong", "db1  right", "training  wrong", "nothing to train with", "hint(gradients)"]),
    ("def dnorm_logits(counts, dcounts):\n    return -counts * dcounts\ncheck(dnorm_logits)", ["dnorm_logits  wrong"]),
    ("hint(dnorm_logits, 3)", ["nearest mend, line 2: "]),
    ("hint(gradients)", ["ex4_training.dC, hint 1 of 3", 'next: hint("ex4_training.dC", 2)']),
    ("progress()", ["3 of 36 steps pass", "ex1_chain.dprobs: wrong", "ex2_cross_entropy.dlogits: wrong"]),
    ("'torch.autograd' in __import__('sys').modules, 'grader.judge.verdict' in __import__('sys').modules",
     ["(True, False)"]),  # the judge is elsewhere
]  # fmt: skip


def _said(cell: NotebookNode) -> list[str]:
    """Every text of a cell's outputs, the names of errors among them."""
    texts: list[str] = []
    for output in cell.outputs:
        texts += [output.ename] if output.output_type == "error" else []
        texts += [output.text] if "text" in output else list(output.get("data", {}).values())
    return texts + [" ".join(text.split()) for text in texts]


def test_a_session_in_a_kernel(tmp_path: Path) -> None:
    """In a folder that has nothing to do with the kit: all is said, and only what is meant to fail fails."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source, _ in SESSION])
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(book, timeout=300, kernel_name="python3", resources=place, allow_errors=True).execute()
    silent = [
        (number, words, _said(cell))
        for number, (cell, (_, wanted)) in enumerate(zip(book.cells, SESSION, strict=True), start=1)
        for words in wanted
        if not any(words in text for text in _said(cell))
    ]
    assert silent == []
    failed = [cell.source for cell in book.cells if any(output.output_type == "error" for output in cell.outputs)]
    assert failed == [source for source, words in SESSION if words == ["KeyError"]]


# --- in a plain process: what hangs, is interrupted, is killed ----------------------------------------------

HANGING = """
    def dshare(square):
        while True:
            pass
"""


def _script(folder: Path, body: str) -> Path:
    head = f"""
    import sys
    sys.path.append({str(ROOT)!r})
    from grader.jupyter import check, start
    start({str(TINY)!r})
    print(*sorted({{"torch", "numpy", "matplotlib"}} & set(sys.modules)), end="|", flush=True)
"""
    file = folder / "answers.py"
    file.write_text(textwrap.dedent(head) + textwrap.dedent(body), encoding="utf-8")
    return file


def _run(file: Path, **environment: str) -> str:
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=240, check=False,
                          env={**os.environ, **environment})  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_script_checks_functions_of_its_own_file_without_importing_torch(tmp_path: Path) -> None:
    file = _script(tmp_path, "def dshare(square):\n    return square\ncheck(dshare)\ncheck('dshare')\n")
    said = _run(file).split("|", 1)[1]
    assert said.count("dshare  exact") == 2
    assert _run(file).split("\n")[1].startswith("|")


def test_a_hang_is_a_verdict_and_the_next_check_works(tmp_path: Path) -> None:
    toml = (TINY / "lesson.toml").read_text(encoding="utf-8").replace("step_seconds = 7.5", "step_seconds = 2")
    for path in TINY.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "lesson.toml").write_text(toml, encoding="utf-8")
    body = f"start({str(tmp_path)!r})\n{textwrap.dedent(HANGING)}\ncheck(dshare)\ndef dlift(dguess, lift, units):\n" \
        "    return (dguess / units).unsqueeze(1).expand_as(lift).clone()\ncheck(dlift)\n"  # fmt: skip
    said = _run(_script(tmp_path, body))
    assert "t dshare  timeout" in said
    assert "dlift  " in said.split("timeout", 1)[1]
    assert "1 of 1 point" in said


@pytest.mark.parametrize(("verdict", "points"), [("return square", 1.0), ("return 2 * square", 0.0), ("pass", 0.0)])
def test_nbgrader_reads_the_points_from_what_check_returns(verdict: str, points: float, tmp_path: Path) -> None:
    file = _script(tmp_path, f"def dshare(square):\n    {verdict}\nprint('returned', check(dshare))\n")
    assert f"returned {points}" in _run(file, NBGRADER_EXECUTION="autograde")
    assert "returned None" in _run(file)


def _started(file: Path) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A process whose check hangs in a student's code, and all processes below it."""
    process = subprocess.Popen([sys.executable, file], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    own = psutil.Process(process.pid)
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up:
        below = own.children(recursive=True)
        if len(below) >= 3:  # the warm process, the judge, the student
            time.sleep(0.5)
            return process, own.children(recursive=True)
        time.sleep(0.05)
    process.kill()
    process.communicate()
    raise AssertionError("no student process came up")


def _gone(processes: Sequence[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=30)
    return not alive


def test_a_killed_kernel_leaves_no_process_behind(tmp_path: Path) -> None:
    process, below = _started(_script(tmp_path, f"{textwrap.dedent(HANGING)}\ncheck(dshare)\n"))
    process.kill()
    process.communicate()
    assert _gone(below)


def test_an_interrupted_check_ends_its_processes_and_the_next_one_works(tmp_path: Path) -> None:
    body = f"""{textwrap.dedent(HANGING)}
try:
    check(dshare)
except KeyboardInterrupt:
    print("stopped", flush=True)
def dlift(dguess, lift, units):
    return (dguess / units).unsqueeze(1).expand_as(lift).clone()
check(dlift)
"""
    process, below = _started(_script(tmp_path, body))
    process.send_signal(signal.SIGINT)
    assert _gone(below)
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    assert "1 of 1 point" in said.split("stopped", 1)[1]


# --- a kit that is installed as a package -------------------------------------------------------------------


def test_a_kit_that_is_installed_as_a_package_brings_its_lesson_along(tmp_path: Path) -> None:
    source, installed = tmp_path / "source", tmp_path / "installed"
    for folder in ("grader", "exercises", "solutions"):
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", str(tmp_path), str(source)], check=True, capture_output=True, timeout=240)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(installed)
    file = tmp_path / "answers.py"
    file.write_text(
        f"import sys\nsys.path.insert(0, {str(installed)!r})\nfrom grader.jupyter import check, progress, start\n"
        "def dprobs(dlogprobs, probs):\n    return dlogprobs / probs\n"
        "start('mlp')\ncheck(dprobs)\nprogress()\nimport grader\nprint(grader.__file__)\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, file], cwd="/", capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "dprobs  exact  1 of 1 point" in done.stdout
    assert "1 of 36 steps pass" in done.stdout
    assert done.stdout.splitlines()[-1].startswith(str(installed))
    assert (installed / "backprop_kit" / "exercises" / "mlp" / MLP.notebook).is_file()
