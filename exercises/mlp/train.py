"""Training the network of this lesson without autograd: given, and worth reading.

Exercise 4 ends here. `make train` hands over your `gradients` of ex4_training.py,
and this file does the rest of the work: it turns names into examples, draws the
batches, takes the steps, and looks at what came out. One step is four lines:

    loss      = forward(batch, parameters)           # forward.py
    gradients = your backward pass                   # ex4_training.py
    parameter -= learning_rate * gradient            # for all seven, in `update`

Read from the bottom: `train` is the whole story, `descend` is the loop.
Nobody calls `.backward()` and no tensor requires a gradient, here or elsewhere.

In the shapes, m is any number of examples and vocab the number of tokens.
"""

import hashlib
import math
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK_SIZE = 3  # characters the network sees before it says the next
N_EMBD = 10  # numbers that stand for a character
N_HIDDEN = 200  # 64 in exercises 1 to 3
BATCH = 32
LEARNING_RATE, LATE_LEARNING_RATE = 0.1, 0.01  # the second from half of the steps on
BN_EPS = 1e-5  # as in forward.py

SEED = 2147483647  # of the parameters, then of the batches
SHUFFLE_SEED = 42
SAMPLE_SEED = SEED + 10

END = "."  # token 0: starts and ends a name
SAMPLES, LONGEST_SAMPLE = 20, 50  # a badly trained network may never say END
REPORT_EVERY = 100  # steps between two calls of progress
SAVE_EVERY = 10_000  # steps between two checkpoints
CURVE_POINTS = 200
CHUNK = 8192  # examples evaluated at a time: the activations of all of them would take 0.5 GB
PUBLISHED = {200_000: "train 2.0705, dev 2.1099"}  # by number of steps; on the lecture's own names

Values = dict[str, Tensor | int]  # tensors and sizes, by their names in forward.py


class TrainingRun(Protocol):
    """What `grader train` hands to `train`. It knows nothing of this network."""

    @property
    def names(self) -> Path:
        """The file of names, one a line."""

    @property
    def steps(self) -> int:
        """How many steps to train."""

    @property
    def checkpoint(self) -> Path:
        """Where the run is saved, and resumed from when the file exists."""

    def forward(self, inputs: Values, /) -> dict[str, Tensor]:
        """All tensors of forward.py, by name, for these arguments of it."""

    def gradients(self, values: Values, /) -> Sequence[Tensor]:
        """The learner's backward pass: seven gradients, in the order of the parameters."""

    def progress(self, step: int, loss: float, /) -> bool:
        """Told the mean loss of the last steps, every REPORT_EVERY; False means: stop now."""

    def say(self, text: str, /) -> None:
        """Shows one line to the learner."""


@dataclass(frozen=True)
class Result:
    """What came out of a run, stopped or finished."""

    losses: list[float]  # the loss of every step's batch
    steps: int  # steps done so far, all resumed parts together
    finished: bool  # all steps done, and evaluated
    train_loss: float | None  # over the whole split; None when stopped early
    dev_loss: float | None
    samples: list[str]  # names the network made up; empty when stopped early
    summary: list[tuple[str, str]]  # label and value, to be printed as a table
    curve: list[tuple[int, float]]  # step and mean loss up to it, for a picture


# --- data: names -> examples ------------------------------------------------------------------------------


def read_names(path: Path) -> list[str]:
    """The names in the file, in its order."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text file in UTF-8: {error}") from error
    names = [name for line in text.splitlines() if (name := line.strip())]
    if len(names) < 10:
        raise ValueError(f"{path} holds {len(names)} names: at least 10 are needed to split them into three sets")
    if dotted := next((name for name in names if END in name), None):
        raise ValueError(f"{path}: the name {dotted!r} holds {END!r}, which is the token that ends a name")
    return names


def vocabulary_of(names: list[str]) -> str:
    """Every character by its token: END is 0, then a..z (or whatever letters the names use)."""
    return END + "".join(sorted(set("".join(names))))


def split_names(names: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Shuffled and cut 80 / 10 / 10 into train, dev and test. The test set stays unseen here."""
    names = list(names)
    random.Random(SHUFFLE_SEED).shuffle(names)
    first, second = int(0.8 * len(names)), int(0.9 * len(names))
    return names[:first], names[first:second], names[second:]


def examples_of(names: list[str], vocabulary: str) -> tuple[Tensor, Tensor]:
    """Each character of each name, its END too, with what stands before it: X (m, BLOCK_SIZE), Y (m,).

    "ava" gives  ... -> a   ..a -> v   .av -> a   ava -> .
    """
    token = {character: number for number, character in enumerate(vocabulary)}
    contexts, nexts = [], []
    for name in names:
        tokens = [0] * BLOCK_SIZE + [token[character] for character in name] + [0]
        contexts += [tokens[at : at + BLOCK_SIZE] for at in range(len(name) + 1)]
        nexts += tokens[BLOCK_SIZE:]
    return torch.tensor(contexts), torch.tensor(nexts)


# --- the run's state, and its checkpoint ------------------------------------------------------------------


@dataclass(frozen=True)
class State:
    """Where a run stands: what `descend` changes in place, and what a checkpoint holds."""

    settings: dict[str, str | int]  # which run this is
    parameters: dict[str, Tensor]
    generator: torch.Generator  # draws the next batch
    losses: list[float]  # one for every step done


def initial_state(settings: dict[str, str | int], vocab_size: int) -> State:
    """Parameters drawn as in the lecture, all through one generator, which goes on to draw the batches.

    The biases are small random numbers and not zero, the gain is not quite one: a gradient
    that is wrong could otherwise hide behind a zero.
    """
    g = torch.Generator().manual_seed(SEED)
    fan_in = BLOCK_SIZE * N_EMBD
    parameters = {
        "C": torch.randn((vocab_size, N_EMBD), generator=g),
        # 5/3 makes up for what tanh squashes, 1/sqrt(fan_in) for the sum over the inputs
        "W1": torch.randn((fan_in, N_HIDDEN), generator=g) * (5 / 3) / fan_in**0.5,
        "b1": torch.randn(N_HIDDEN, generator=g) * 0.1,
        # small, so that the untrained network is not confidently wrong
        "W2": torch.randn((N_HIDDEN, vocab_size), generator=g) * 0.1,
        "b2": torch.randn(vocab_size, generator=g) * 0.1,
        "bngain": torch.randn((1, N_HIDDEN), generator=g) * 0.1 + 1.0,
        "bnbias": torch.randn((1, N_HIDDEN), generator=g) * 0.1,
    }
    return State(settings, parameters, g, losses=[])


def settings_of(run: TrainingRun) -> dict[str, str | int]:
    """What two runs share that are the same run: a checkpoint of another one is not resumed."""
    return {
        "file of names": hashlib.sha256(run.names.read_bytes()).hexdigest(),
        "number of steps": run.steps,
        "seeds": f"{SEED} {SHUFFLE_SEED}",
        "network": f"{BLOCK_SIZE} {N_EMBD} {N_HIDDEN}",
        "batches and learning rates": f"{BATCH} {LEARNING_RATE} {LATE_LEARNING_RATE}",
    }


def save(run: TrainingRun, state: State) -> None:
    """Writes the checkpoint whole or not at all: a killed run leaves the last good one."""
    run.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    temporary = run.checkpoint.with_name(run.checkpoint.name + ".tmp")
    content = {
        "settings": state.settings,
        "parameters": state.parameters,
        "generator": state.generator.get_state(),
        "losses": torch.tensor(state.losses, dtype=torch.float64),
    }
    torch.save(content, temporary)
    os.replace(temporary, run.checkpoint)


def resume(run: TrainingRun, settings: dict[str, str | int]) -> State:
    """The state in the checkpoint, if it is from a run with these settings."""
    delete = f"delete {run.checkpoint} to start anew"
    try:
        content = torch.load(run.checkpoint, weights_only=True)
        saved = content["settings"]
        others = [name for name, value in settings.items() if saved.get(name) != value]
        state = State(settings, content["parameters"], torch.Generator(), content["losses"].tolist())
        state.generator.set_state(content["generator"])
    except Exception as error:  # reading damaged bytes can raise nearly anything
        raise ValueError(f"{run.checkpoint} is no readable checkpoint ({type(error).__name__}): {delete}") from error
    if others:
        raise ValueError(f"{run.checkpoint} is from a run with another {', another '.join(others)}: {delete}")
    done = len(state.losses)
    left = "nothing left to train" if done == run.steps else f"going on from step {done:,} of {run.steps:,}"
    run.say(f"{run.checkpoint} found: {left} ({delete}, for instance after a change to your gradients)")
    return state


# --- gradient descent -------------------------------------------------------------------------------------


def learning_rate_at(step: int, steps: int) -> float:
    """Large steps at first, small ones from half of the way on, to settle."""
    return LEARNING_RATE if step < steps // 2 else LATE_LEARNING_RATE


def check_shapes(parameters: dict[str, Tensor], gradients: Sequence[Tensor]) -> None:
    """Refuses a gradient whose shape is not its parameter's: the update would broadcast it, and train nonsense."""
    if len(gradients) != len(parameters):
        names = ", ".join(f"d{name}" for name in parameters)
        raise ValueError(f"your gradients() returned {len(gradients)} tensors, not the {len(parameters)}: {names}")
    bad = [
        f"d{name} has shape {tuple(gradient.shape)}, but {name} has {tuple(parameter.shape)}"
        for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True)
        if gradient.shape != parameter.shape
    ]
    if bad:
        raise ValueError(f"{'; '.join(bad)}. Find out why with: make check STEP=ex4_training")


def update(parameters: dict[str, Tensor], gradients: Sequence[Tensor], learning_rate: float) -> None:
    """One step downhill, in place."""
    for parameter, gradient in zip(parameters.values(), gradients, strict=True):
        parameter.sub_(gradient, alpha=learning_rate)  # parameter -= learning_rate * gradient, in one pass


def diverged(run: TrainingRun, parameters: dict[str, Tensor], step: int, loss: float) -> ValueError:
    """The error for a loss that is infinite or not a number, with the likely cause."""
    broken = [name for name, parameter in parameters.items() if not parameter.isfinite().all()]
    if step == 0:
        cause = "nothing is trained yet, so look at forward.py: was it changed?"
    elif broken:
        cause = f"{', '.join(broken)} holds inf or nan, so a gradient was inf or nan (a division by zero?) or exploded."
    else:
        cause = "the steps go uphill or are far too long: a gradient has the wrong sign, or lacks a factor such as 1/n."
    text = f"the loss is {loss} at step {step:,}: {cause} Find it with: make check STEP=ex4_training"
    if run.checkpoint.exists():
        text += f" (then delete {run.checkpoint}, which was saved on the way here)"
    return ValueError(text)


def descend(run: TrainingRun, state: State, X: Tensor, Y: Tensor) -> bool:
    """Trains on X (m, BLOCK_SIZE), Y (m,) until all steps are done, or False when told to stop."""
    parameters, losses = state.parameters, state.losses
    vocab_size = len(parameters["C"])
    sizes: Values = {
        "n": BATCH, "vocab_size": vocab_size, "n_embd": N_EMBD, "block_size": BLOCK_SIZE, "n_hidden": N_HIDDEN,
    }  # fmt: skip
    for step in range(len(losses), run.steps):
        batch = torch.randint(len(X), (BATCH,), generator=state.generator)
        inputs: Values = {"Xb": X[batch], "Yb": Y[batch], **parameters, "n": BATCH}
        tensors = run.forward(inputs)
        loss = tensors["loss"].item()
        if not math.isfinite(loss):
            raise diverged(run, parameters, step, loss)
        gradients = run.gradients({**sizes, **inputs, **tensors})
        check_shapes(parameters, gradients)
        update(parameters, gradients, learning_rate_at(step, run.steps))
        losses.append(loss)

        done = step + 1
        go_on = True
        if done % REPORT_EVERY == 0 or done == run.steps:
            recent = losses[-(done % REPORT_EVERY or REPORT_EVERY) :]
            go_on = run.progress(done, math.fsum(recent) / len(recent))
        if not go_on or done % SAVE_EVERY == 0 or done == run.steps:
            save(run, state)
        if not go_on:
            return False
    return True


# --- after training: calibration, losses, samples ---------------------------------------------------------


@dataclass(frozen=True)
class Network:
    """The trained network, for examples that come in no batch.

    In training BatchNorm takes mean and variance from the batch. One name alone has
    neither, so they are measured once over the whole training set and then kept.
    """

    parameters: dict[str, Tensor]
    bnmean: Tensor  # (1, N_HIDDEN)
    bnvar: Tensor  # (1, N_HIDDEN)

    def logits(self, X: Tensor) -> Tensor:
        """X (m, BLOCK_SIZE) -> (m, vocab): forward.py up to the logits, with the kept mean and variance."""
        p = self.parameters
        bnraw = (hprebn_of(p, X) - self.bnmean) * (self.bnvar + BN_EPS) ** -0.5
        return torch.tanh(p["bngain"] * bnraw + p["bnbias"]) @ p["W2"] + p["b2"]


def hprebn_of(parameters: dict[str, Tensor], X: Tensor) -> Tensor:
    """X (m, BLOCK_SIZE) -> (m, N_HIDDEN): forward.py up to the BatchNorm."""
    return parameters["C"][X].flatten(1) @ parameters["W1"] + parameters["b1"]


def calibrate(parameters: dict[str, Tensor], X: Tensor) -> Network:
    """Measures BatchNorm's mean and (unbiased) variance over the training set X (m, BLOCK_SIZE)."""
    hprebn = hprebn_of(parameters, X)
    return Network(parameters, hprebn.mean(0, keepdim=True), hprebn.var(0, keepdim=True, unbiased=True))


def loss_over(network: Network, X: Tensor, Y: Tensor) -> float:
    """The mean loss over a whole split, X (m, BLOCK_SIZE) and Y (m,)."""
    chunks = zip(torch.split(X, CHUNK), torch.split(Y, CHUNK), strict=True)
    sums = [F.cross_entropy(network.logits(Xc), Yc, reduction="sum").item() for Xc, Yc in chunks]
    return math.fsum(sums) / len(X)


def sample_name(network: Network, vocabulary: str, generator: torch.Generator) -> str:
    """A name drawn character by character, each from the network's probabilities after the ones before."""
    tokens = [0] * BLOCK_SIZE
    while len(tokens) < BLOCK_SIZE + LONGEST_SAMPLE:
        probs = network.logits(torch.tensor([tokens[-BLOCK_SIZE:]])).softmax(1)  # (1, vocab)
        token = int(torch.multinomial(probs, 1, generator=generator).item())
        if token == 0:
            break
        tokens.append(token)
    return "".join(vocabulary[token] for token in tokens[BLOCK_SIZE:])


def curve_of(losses: list[float], steps: int) -> list[tuple[int, float]]:
    """At most CURVE_POINTS pairs: the last step of a stretch of the run, and the mean loss in it.

    The loss of a single batch jumps about so much that its plain curve shows nothing.
    """
    width = max(1, math.ceil(steps / CURVE_POINTS))
    stretches = [losses[start : start + width] for start in range(0, len(losses), width)]
    return [(i * width + len(part), math.fsum(part) / len(part)) for i, part in enumerate(stretches)]


# --- the whole story --------------------------------------------------------------------------------------


@torch.no_grad()
def train(run: TrainingRun) -> Result:
    """Trains with the learner's gradients, then measures and samples. A ValueError is a message to the learner."""
    names = read_names(run.names)
    vocabulary = vocabulary_of(names)
    train_names, dev_names, _ = split_names(names)
    Xtr, Ytr = examples_of(train_names, vocabulary)
    Xdev, Ydev = examples_of(dev_names, vocabulary)

    settings = settings_of(run)
    state = resume(run, settings) if run.checkpoint.exists() else initial_state(settings, len(vocabulary))
    finished = descend(run, state, Xtr, Ytr)
    done, curve = len(state.losses), curve_of(state.losses, run.steps)
    summary = [
        ("names", f"{len(names):,}"),
        ("examples", f"{len(Xtr):,} train, {len(Xdev):,} dev"),
        ("parameters", f"{sum(parameter.numel() for parameter in state.parameters.values()):,}"),
        ("steps", f"{done:,} of {run.steps:,}"),
        ("loss of guessing at random", f"{math.log(len(vocabulary)):.4f}"),
    ]
    if curve:
        summary.append(("loss in the first and last batches", f"{curve[0][1]:.4f}, {curve[-1][1]:.4f}"))
    if not finished:
        return Result(state.losses, done, False, None, None, [], summary, curve)

    network = calibrate(state.parameters, Xtr)
    train_loss, dev_loss = loss_over(network, Xtr, Ytr), loss_over(network, Xdev, Ydev)
    if not math.isfinite(train_loss + dev_loss):
        raise diverged(run, state.parameters, done, train_loss + dev_loss)
    generator = torch.Generator().manual_seed(SAMPLE_SEED)
    samples = [sample_name(network, vocabulary, generator) for _ in range(SAMPLES)]
    summary += [("train loss", f"{train_loss:.4f}"), ("dev loss", f"{dev_loss:.4f}")]
    if run.steps in PUBLISHED:
        summary.append(("published, on the lecture's names", PUBLISHED[run.steps]))
    return Result(state.losses, done, True, train_loss, dev_loss, samples, summary, curve)
