"""`grader train`: the lesson's own training, with the learner's backward pass."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from torch import Tensor

from grader.commands.isolation import warn
from grader.errors import STOPPED, USAGE, KitError
from grader.invocation import command
from grader.lesson import Exercise, Lesson, answers_here, lesson_here, load_lesson
from grader.lesson.load import ROOT
from grader.lesson.network import Network
from grader.report.terminal import make_console
from grader.run.backward import NOT_RIGHT, LearnersBackward
from grader.submission.answers import Answer, read_answers
from grader.submission.find import submission_at
from grader.warm.client import Warm

_DIGITS = 12


def run(options: argparse.Namespace) -> int:
    """0 when trained to the end, 1 when the backward pass is not usable, 130 when stopped."""
    console = make_console()
    lesson = load_lesson(lesson_here(options.lesson))
    exercise = _training_exercise(lesson)
    names = Path(options.names) if options.names else ROOT / "data" / "names.txt"
    if not names.is_file():
        raise KitError(
            f"there is no {names}", mend=f"give a file with one name a line: {command('train', NAMES='FILE')}"
        )
    path = Path(options.path) if options.path else answers_here(lesson)
    answers = read_answers(submission_at(path, lesson, links=not options.path), lesson)
    module = _training_module(lesson)
    torch.set_num_threads(1)
    with Warm() as warm, _Stop() as stop, _progress(console, options.steps) as (progress, task):
        warn(console, warm.isolation)
        backward = LearnersBackward(lesson, exercise, answers, warm)
        name = f"{lesson.name}-{_identity(backward.written, names, options.steps)}"
        hand = TrainingRun(
            names,
            options.steps,
            Path(options.out) / f"{name}.pt",
            Network(lesson.graph),
            backward,
            stop,
            progress,
            task,
        )
        try:
            result = module.train(hand)
        except ValueError as error:
            raise KitError(str(error), exit_code=NOT_RIGHT) from None
        except OSError as error:
            raise KitError(f"{error.strerror}: {error.filename}") from None
        finally:
            backward.close()
    return _show(console, result, Path(options.out) / f"{name}.png", lesson)


@dataclass(frozen=True)
class TrainingRun:
    """What the lesson's train.py works with."""

    names: Path
    steps: int
    checkpoint: Path
    network: Network
    backward: LearnersBackward
    stop: _Stop
    bar: Progress
    task: TaskID

    def forward(self, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
        """Every tensor of forward.py, without autograd."""
        with torch.inference_mode():
            return self.network.forward(inputs, {})

    def gradients(self, values: Mapping[str, Tensor | int]) -> Sequence[Tensor]:
        """The learner's gradients."""
        return self.backward.gradients(values)

    def progress(self, step: int, loss: float) -> bool:
        """Moves the bar. False when the learner pressed Ctrl-C."""
        self.bar.update(self.task, completed=step, loss=loss)
        return not self.stop.asked

    def say(self, text: str) -> None:
        """A line above the bar."""
        self.bar.console.print(text)


class _Stop:
    """Ctrl-C asks the run to stop after saving; a second one stops at once."""

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> _Stop:
        self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def _progress(console: Console, steps: int) -> Iterator[tuple[Progress, TaskID]]:
    columns = (
        TextColumn("training"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.4f}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield progress, progress.add_task("", total=steps, loss=float("nan"))


def _training_exercise(lesson: Lesson) -> Exercise:
    for exercise in lesson.exercises:
        if exercise.function and any(step.is_training for step in exercise.steps):
            return exercise
    raise KitError(f"the lesson {lesson.name} has no exercise that trains")


def _training_module(lesson: Lesson) -> ModuleType:
    """The lesson's own train.py (given, trusted)."""
    path = lesson.folder / "train.py"
    spec = importlib.util.spec_from_file_location("lesson_train", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise KitError(f"there is no {path}", exit_code=USAGE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _identity(written: Answer, names: Path, steps: int) -> str:
    """A run goes on from a checkpoint only with the same backward pass, data and number of steps."""
    digest = hashlib.sha256(f"{written.own_text}\0{steps}\0".encode() + names.read_bytes())
    return digest.hexdigest()[:_DIGITS]


def _show(console: Console, result: Any, picture: Path, lesson: Lesson) -> int:
    width = max((len(label) for label, _ in result.summary), default=0)
    for label, value in result.summary:
        console.print(f"{label:<{width}}  {value}")
    if result.samples:
        console.print("names it made up: " + ", ".join(result.samples))
    if result.curve:
        _draw(result.curve, picture, lesson)
        console.print(f"loss curve: {picture}")
    if not result.finished:
        console.print("stopped; the same command goes on from here", style="bold")
        return STOPPED
    return 0


def _draw(curve: Sequence[tuple[int, float]], picture: Path, lesson: Lesson) -> None:
    """The loss curve as PNG."""
    _give_matplotlib_a_folder(picture.parent)
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), dpi=120)
    axes.plot([step for step, _ in curve], [loss for _, loss in curve], linewidth=1.2, color="#2563eb")
    axes.set(xlabel="step", ylabel="loss of the batches (mean)", title=f"{lesson.name}, trained by hand")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture)
    plt.close(figure)


def _give_matplotlib_a_folder(folder: Path) -> None:
    """Where it cannot keep its fonts at home, it keeps them beside the picture, instead of warning or failing."""
    if "MPLCONFIGDIR" not in os.environ and not all(map(_can_be_written, ("~/.config", "~/.cache"))):
        os.environ["MPLCONFIGDIR"] = str(folder / ".matplotlib")


def _can_be_written(place: str) -> bool:
    """Whether something can be put into a folder below home that may not be there yet."""
    try:
        path = Path(place).expanduser() / "matplotlib"
    except RuntimeError:  # no home at all
        return False
    while not path.exists() and path != path.parent:
        path = path.parent
    return os.access(path, os.W_OK)
