"""`grader train`: a run to the end, one that is stopped and goes on, and what keeps one from starting."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest

from tests.support import ROOT, run_grader

SOLUTION = (ROOT / "solutions" / "mlp" / "ex4_training.py").read_text(encoding="utf-8")
PNG = b"\x89PNG\r\n\x1a\n"
STEPS = 200


@pytest.fixture
def names(tmp_path: Path) -> Path:
    """The first 300 of the kit's names."""
    lines = (ROOT / "data" / "names.txt").read_text(encoding="utf-8").splitlines()[:300]
    file = tmp_path / "names.txt"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def learner(folder: Path, text: str = SOLUTION) -> Path:
    """A submission whose ex4 is `text`."""
    folder.mkdir(exist_ok=True)
    (folder / "ex4_training.py").write_text(text, encoding="utf-8")
    return folder


def train(folder: Path, names: Path, out: Path, code: int) -> str:
    """Trains for 200 steps; what it printed, which holds no traceback of ours and steers no terminal."""
    process = run_grader("train", folder, "--names", names, "--steps", str(STEPS), "--out", out)
    text = process.stdout + process.stderr
    assert process.returncode == code, text
    assert "Traceback" not in text
    assert "\x1b" not in text
    return text


def outcome(text: str) -> tuple[float, float, str]:
    """Train loss, dev loss and the names it made up."""
    losses = [re.search(rf"^{which} loss +(\d+\.\d+)$", text, re.MULTILINE) for which in ("train", "dev")]
    made_up = re.search(r"^names it made up: ((?:.+\n)+?)loss curve", text, re.MULTILINE)
    assert losses[0], text
    assert losses[1], text
    assert made_up, text
    return float(losses[0][1]), float(losses[1][1]), made_up[1]


def test_training_ends_with_losses_names_and_a_picture_also_after_ctrl_c(names: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    folder = learner(tmp_path / "ann")
    text = train(folder, names, whole, code=0)
    train_loss, dev_loss, made_up = outcome(text)
    assert 1 < train_loss < 3.3  # guessing at random costs 3.3
    assert 1 < dev_loss < 3.5
    assert len(made_up.split(",")) == 20
    assert f"{STEPS} of {STEPS}" in text
    assert_picture(whole)

    stopped = stop_while_training(folder, names, parts)
    assert "stopped; the same command goes on from here" in stopped
    assert "Traceback" not in stopped
    assert list(parts.glob("*.pt"))
    again = train(folder, names, parts, code=0)
    assert re.search(r"found: (going on from step|nothing left to train)", " ".join(again.split()))
    assert outcome(again) == outcome(text)
    assert_picture(parts)


def assert_picture(out: Path) -> None:
    (picture,) = out.glob("*.png")
    assert picture.read_bytes().startswith(PNG)
    assert picture.stat().st_size > 5000


def stop_while_training(folder: Path, names: Path, out: Path) -> str:
    """Ctrl-C once the progress bar is there, which it is on a terminal alone; what was printed."""
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "grader", "train", folder, "--names", names, "--steps", str(STEPS), "--out", out],
        cwd=ROOT, env={**os.environ, "COLUMNS": "80", "TERM": "xterm"},
        stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown = bytearray()
    with suppress(OSError):  # Linux says EIO when the other end is closed
        while part := os.read(terminal, 4096):
            asked = b"training" in shown
            shown += part
            if b"training" in shown and not asked:
                os.killpg(process.pid, signal.SIGINT)
    os.close(terminal)
    text = shown.decode()
    assert process.wait(timeout=60) == 130, text
    return text


def test_a_training_loop_in_a_notebook_trains_as_the_function_does(names: Path, tmp_path: Path) -> None:
    body = SOLUTION[SOLUTION.index('"""', SOLUTION.index("def gradients")) :].split('"""', 2)[2]
    lines = [line[4:] for line in body.splitlines() if "return" not in line]
    loop = ["for i in range(200_000):", *(f"    {line}" for line in lines), "    for p, g in zip(parameters, grads):"]
    loop += ["        p.data += -0.1 * g"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("\n".join(loop))])
    folder = tmp_path / "ann"
    folder.mkdir()
    nbformat.write(notebook, folder / "backprop_ninja.ipynb")
    by_loop = outcome(train(folder, names, tmp_path / "loop", code=0))
    assert by_loop == outcome(train(learner(tmp_path / "bob"), names, tmp_path / "function", code=0))


UNUSABLE = (
    ("unfilled", 'raise NotImplementedError("gradients")', ("ex4_training.py:", "cannot train yet", "not filled in")),
    ("a wrong shape", "return [g.T if g is W1 else g for g in (C, W1, b1, W2, b2, bngain, bnbias)]",
     ("dW1 has shape (200, 30), but W1 has (30, 200)", "make check STEP=ex4_training")),
    ("one too few", "return C, W1, b1, W2, b2, bngain", ("returned 6 tensors, not the 7", "dbnbias")),
    ("an error", "x = 1\n    return 1 / 0", ("ex4_training.py:3: ZeroDivisionError",)),
    ("not a number", "return [g * float('nan') for g in (C, W1, b1, W2, b2, bngain, bnbias)]",
     ("the loss is nan", "make check STEP=ex4_training")),
)  # fmt: skip


def gradients(body: str) -> str:
    return f"def gradients(Xb, C, W1, b1, W2, b2, bngain, bnbias):\n    {body}\n"


@pytest.mark.parametrize(("body", "says"), [pytest.param(*case[1:], id=case[0]) for case in UNUSABLE])
def test_a_backward_pass_that_cannot_train_is_exit_code_1_and_says_why(
    body: str, says: tuple[str, ...], names: Path, tmp_path: Path
) -> None:
    text = " ".join(train(learner(tmp_path / "ann", gradients(body)), names, tmp_path / "out", code=1).split())
    assert text.startswith("grader train: ")
    assert all(part in text for part in says), text


def test_missing_data_and_a_missing_submission_are_exit_code_2(names: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert f"there is no {tmp_path / 'nothing.txt'}" in train(
        learner(tmp_path / "ann"), tmp_path / "nothing.txt", out, 2
    )
    assert f"there is no {tmp_path / 'nobody'}" in train(tmp_path / "nobody", names, out, 2)
    assert not out.exists()


def test_an_out_that_cannot_be_written_is_exit_code_2_and_no_traceback(names: Path, tmp_path: Path) -> None:
    text = train(learner(tmp_path / "ann"), names, names / "below", code=2)
    assert "Not a directory" in text
