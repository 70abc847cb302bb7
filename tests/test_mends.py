"""The nearest mend: each kind of small edit, that it is right, and that looking for it changes nothing else."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from grader.judge.job import Request, job, read_job
from grader.judge.mend import mender, search
from grader.judge.mend.edits import MOST_MADE, edits_of
from grader.judge.mend.sense import makes_sense
from grader.judge.mend.sites import World
from grader.judge.mend.text import Edit, Source
from grader.judge.situation import Situations
from grader.judge.submission import NO_MENDS, Judge
from grader.lesson import Lesson, load_lesson
from grader.results.model import StepResult, SubmissionResult
from grader.runner.language import compiled
from grader.submission.answers import callable_of, read_answers
from grader.submission.find import submission_at
from grader.warm.client import Warm
from tests.support import PRELUDE, ROOT, step_of

LESSONS = Path(__file__).parent / "lessons"
FIRST_LINE = PRELUDE.count("\n") + 1  # of an answer
CHAIN = "ex1_chain"


@dataclass(frozen=True)
class Wrong:
    """A wrong answer to one step. `mend` stands in the text of the mend, `line` counts from the answer's own first."""

    kind: str
    source: str
    line: int
    mend: str
    exercise: str = CHAIN
    verdict: str = "wrong"

    @property
    def step(self) -> str:
        name = self.source.removeprefix("def ").split("(")[0].split(" =")[0]
        return f"{self.exercise}.{name}"


def of_one_line(kind: str, signature: str, result: str, mend: str, verdict: str = "wrong", line: int = 2) -> Wrong:
    return Wrong(kind, f"def {signature}:\n    return {result}\n", line, mend, verdict=verdict)


def of_lines(kind: str, signature: str, lines: str, line: int, mend: str, verdict: str = "wrong") -> Wrong:
    body = "".join(f"    {part}\n" for part in lines.split("; "))
    return Wrong(kind, f"def {signature}:\n{body}", line, mend, verdict=verdict)


WRONG = (
    of_one_line("sign", "dlogit_maxes(dnorm_logits)", "dnorm_logits.sum(1, keepdim=True)",
                "a minus is missing; right is `return -dnorm_logits.sum(1, keepdim=True)`"),
    of_one_line("sign too many", "dbngain(dhpreact, bnraw)", "-(bnraw * dhpreact).sum(0, keepdim=True)",
                "the minus does not belong here; right is `return (bnraw * dhpreact).sum(0, keepdim=True)`"),
    of_one_line("path-sign", "dcounts(dprobs, dcounts_sum, counts_sum_inv)", "counts_sum_inv * dprobs - dcounts_sum",
                "- should be +; right is `return counts_sum_inv * dprobs + dcounts_sum`"),
    of_lines("path-sign of -=", "dcounts(dprobs, dcounts_sum, counts_sum_inv)",
             "grad = counts_sum_inv * dprobs; grad -= dcounts_sum; return grad", 3,
             "the sign is wrong; right is `grad += dcounts_sum`"),
    of_one_line("wrong axis", "dcounts_sum_inv(dprobs, counts)", "(counts * dprobs).sum(0, keepdim=True)",
                "over axis 0, and should over axis 1; right is `return (counts * dprobs).sum(1, keepdim=True)`"),
    of_one_line("wrong axis by name", "dcounts_sum_inv(dprobs, counts)",
                "torch.sum(counts * dprobs, dim=0, keepdim=True)", "torch.sum(counts * dprobs, dim=1, keepdim=True)"),
    of_one_line("keepdim missing", "dcounts_sum_inv(dprobs, counts)", "(counts * dprobs).sum(1)",
                "keepdim=True is missing; right is `return (counts * dprobs).sum(1, keepdim=True)`", "shape"),
    of_one_line("keepdim too many", "db2(dlogits)", "dlogits.sum(0, keepdim=True)",
                "keepdim does not belong here; right is `return dlogits.sum(0)`", "shape"),
    of_one_line("missing sum", "db2(dlogits)", "dlogits",
                "a sum over axis 0 is missing; right is `return dlogits.sum(0)`"),
    of_one_line("missing sum of a product", "dbngain(dhpreact, bnraw)", "bnraw * dhpreact",
                "right is `return (bnraw * dhpreact).sum(0, keepdim=True)`"),
    of_one_line("extra sum", "dbnraw(dhpreact, bngain)", "(bngain * dhpreact).sum(0, keepdim=True)",
                ".sum() does not belong here; right is `return bngain * dhpreact`"),
    of_one_line("sum over everything", "db1(dhprebn)", "dhprebn.sum()",
                "over everything, and should over axis 0; right is `return dhprebn.sum(0)`"),
    of_one_line("sum over one factor", "dcounts_sum_inv(dprobs, counts)", "counts * dprobs.sum(1, keepdim=True)",
                "the sum has to run over the whole product; right is `return (counts * dprobs).sum(1, keepdim=True)`"),
    of_one_line("mean for sum", "db2(dlogits)", "dlogits.mean(0)",
                "mean should be sum; right is `return dlogits.sum(0)`"),
    of_one_line("transpose missing", "dh(dlogits, W2)", "dlogits @ W2",
                "the transpose is in the wrong place; right is `return dlogits @ W2.T`", "error"),
    of_one_line("transpose of the other", "dW2(dlogits, h)", "h @ dlogits", "right is `return h.T @ dlogits`", "error"),
    of_one_line("all of it transposed", "dW2(dlogits, h)", "dlogits.T @ h", "right is `return h.T @ dlogits`"),
    of_one_line("operands swapped", "dh(dlogits, W2)", "W2.T @ dlogits",
                "the operands of the @ are in the wrong order; right is `return dlogits @ W2.T`", "error"),
    of_one_line("another name in scope", "dhpreact(dh, h, hpreact)", "(1 - hpreact**2) * dh",
                "hpreact stands where h should; right is `return (1 - h**2) * dh`"),
    of_one_line("another name not in scope", "dbnvar_inv(dbnraw, bnraw)", "(bnraw * dbnraw).sum(0, keepdim=True)",
                "right is `return (bndiff * dbnraw).sum(0, keepdim=True)` (and bndiff among the parameters)"),
    of_one_line("n for n-1", "dbndiff2(dbnvar, bndiff2, n)", "1 / n * torch.ones_like(bndiff2) * dbnvar",
                "n should be n - 1; right is `return 1 / (n - 1) * torch.ones_like(bndiff2) * dbnvar`"),
    of_one_line("path of dcounts", "dcounts(dprobs, counts_sum_inv)", "counts_sum_inv * dprobs",
                "what comes through counts_sum is missing (forward.py:"),
    of_one_line("path of dlogits", "dlogits(dnorm_logits)", "dnorm_logits.clone()",
                "right is `return dnorm_logits.clone() + (logits == logit_maxes) * dlogit_maxes`"),
    of_one_line("path of dbndiff", "dbndiff(dbnraw, bnvar_inv)", "bnvar_inv * dbnraw",
                "right is `return bnvar_inv * dbnraw + 2 * bndiff * dbndiff2` (and dbndiff2, bndiff among the"),
    of_one_line("path of dhprebn", "dhprebn(dbndiff)", "dbndiff.clone()",
                "what comes through bnmeani is missing (forward.py:"),
    of_lines("= for +=", "dbndiff(dbndiff2, dbnraw, bndiff, bnvar_inv)",
             "grad = bnvar_inv * dbnraw; grad = 2 * bndiff * dbndiff2; return grad", 3,
             "= overwrites; += adds; right is `grad += 2 * bndiff * dbndiff2`"),
    of_lines("lost repeats of +=", "dC(demb, Xb, C)", "grad = torch.zeros_like(C); grad[Xb] += demb; return grad", 3,
             "right is `grad.index_put_((Xb,), demb, accumulate=True)`"),
    of_lines("lost repeats of =", "dC(demb, Xb, C)", "grad = torch.zeros_like(C); grad[Xb] = demb; return grad", 3,
             "right is `grad.index_put_((Xb,), demb, accumulate=True)`"),
    Wrong("= for += in a loop", "def dC(demb, Xb, C):\n    grad = torch.zeros_like(C)\n"
          "    for i in range(Xb.shape[0]):\n        for j in range(Xb.shape[1]):\n"
          "            grad[Xb[i, j]] = demb[i, j]\n    return grad\n", 5, "right is `grad[Xb[i, j]] += demb[i, j]`"),
    of_one_line("brackets", "dhpreact(dh, h)", "1 - h**2 * dh",
                "the brackets are in the wrong place; right is `return (1 - h ** 2) * dh`"),
    of_one_line("brackets around a power", "dcounts_sum(dcounts_sum_inv, counts_sum)",
                "(-counts_sum) ** -2 * dcounts_sum_inv", "right is `return -counts_sum ** (-2) * dcounts_sum_inv`"),
    of_one_line("brackets around n - 1", "dbndiff2(dbnvar, bndiff2, n)",
                "1 / n - 1 * torch.ones_like(bndiff2) * dbnvar",
                "right is `return 1 / (n - 1) * torch.ones_like(bndiff2) * dbnvar`"),
    of_one_line("eps", "dbnvar(dbnvar_inv, bnvar)", "-0.5 * bnvar**-1.5 * dbnvar_inv",
                "+ 1e-05 of the forward line belongs inside; right is `return -0.5 * (bnvar + 1e-05)**-1.5"),
    of_one_line("exponent", "dbnvar(dbnvar_inv, bnvar)", "-0.5 * (bnvar + 1e-5) ** -0.5 * dbnvar_inv",
                "the exponent -0.5 should be -1.5"),
    of_one_line("not squared", "dhpreact(dh, h)", "(1 - h) * dh", "right is `return (1 - h * h) * dh`"),
    of_one_line("the power rule's factor", "dbnvar(dbnvar_inv, bnvar)", "(bnvar + 1e-5) ** -1.5 * dbnvar_inv",
                "the power rule's factor -0.5 is missing"),
    of_one_line("sign of a number", "dbnvar(dbnvar_inv, bnvar)", "0.5 * (bnvar + 1e-5) ** -1.5 * dbnvar_inv",
                "the number 0.5 should be -0.5; right is `return -0.5 * (bnvar + 1e-5) ** -1.5 * dbnvar_inv`"),
    of_one_line("factor 2", "dbndiff(dbndiff2, dbnraw, bndiff, bnvar_inv)", "bnvar_inv * dbnraw + bndiff * dbndiff2",
                "a factor 2 is missing; right is `return bnvar_inv * dbnraw + 2 * (bndiff * dbndiff2)`"),
    of_one_line("factor 1/n", "dhprebn(dbndiff, dbnmeani, n)", "dbndiff + dbnmeani",
                "a division by n is missing; right is `return dbndiff + dbnmeani / n`"),
    of_one_line("factor 1/(n-1)", "dbndiff2(dbnvar, bndiff2)", "torch.ones_like(bndiff2) * dbnvar",
                "a division by n - 1 is missing; right is `return torch.ones_like(bndiff2) * dbnvar / (n - 1)`"),
    of_one_line("missing factor", "dhpreact(dh, h)", "1 - h**2", "the factor dh is missing"),
    of_one_line("times for divided by", "dprobs(dlogprobs, probs)", "dlogprobs * probs",
                "* should be /; right is `return dlogprobs / probs`"),
    of_one_line("extra factor", "dnorm_logits(dcounts, counts)", "counts * dcounts * counts",
                "* counts does not belong here; right is `return counts * dcounts`"),
    of_one_line("extra number", "dprobs(dlogprobs, probs)", "dlogprobs / probs / 2",
                "/ 2 does not belong here; right is `return dlogprobs / probs`"),
    of_one_line("number for a size", "dhprebn(dbndiff, dbnmeani)", "dbndiff + dbnmeani / 32",
                "32 is n at the lecture's sizes only; right is `return dbndiff + dbnmeani / n` (and n", "hard-coded"),
    of_one_line("shape written out", "demb(dembcat, n)", "dembcat.view(n, 3, 10)",
                "right is `return dembcat.view(emb.shape)` (and emb among the parameters)", "hard-coded"),
    of_one_line("not stretched", "dbndiff2(dbnvar, n)", "dbnvar / (n - 1)", "stretch it to the shape of bndiff2"),
    of_one_line("flat", "demb(dembcat, emb)", "dembcat",
                "give it the shape of emb; right is `return dembcat.view(emb.shape)`", "shape"),
    of_one_line("dtype", "db1(dhprebn)", "dhprebn.sum(0).half()", ".half() does not belong here"),
    of_lines("`:` for range(n)", "dlogprobs(logprobs, Yb, n)",
             "grad = torch.zeros_like(logprobs); grad[:, Yb] = -1 / n; return grad", 3,
             "right is `grad[range(n), Yb] = -1 / n`"),
    of_lines("ones for zeros", "dlogprobs(logprobs, Yb, n)",
             "grad = torch.ones_like(logprobs); grad[range(n), Yb] = -1 / n; return grad", 2,
             "ones_like should be zeros_like; right is `grad = torch.zeros_like(logprobs)`"),
    of_one_line("method in place", "dprobs(dlogprobs, probs)", "dlogprobs.div_(probs)",
                "div_ changes an input; div makes a new tensor; right is `return dlogprobs.div(probs)`", "mutates"),
    of_lines("operator in place", "dprobs(dlogprobs, probs)", "dlogprobs /= probs; return dlogprobs", 2,
             "it changes its input in place; right is `dlogprobs = dlogprobs / (probs)`", "mutates"),
    of_lines("clone for in place", "dprobs(dlogprobs, probs)", "grad = dlogprobs; grad /= probs; return grad", 2,
             "work on a copy; right is `grad = dlogprobs.clone()`", "mutates"),
    of_lines("forgotten return", "db2(dlogits)", "dlogits.sum(0)", 2,
             "the return is missing; right is `return dlogits.sum(0)`", "error"),
    of_lines("forgotten return of a name", "db2(dlogits)", "grad = dlogits.sum(0)", 2,
             "the return is missing; right is `return dlogits.sum(0)`", "error"),
    of_one_line("comma", "dprobs(dlogprobs, probs)", "dlogprobs / probs,",
                "the comma makes it a tuple; right is `return dlogprobs / probs`", "error"),
    of_one_line("n not asked for", "dbndiff2(dbnvar, bndiff2)", "torch.ones_like(bndiff2) * dbnvar / (n - 1)",
                "n is used, and not among the parameters; right is `def dbndiff2(n, ...)`", "error", line=1),
    Wrong("lambda", "dW1 = lambda dhprebn, embcat: embcat @ dhprebn\n", 1, "right is `embcat.T @ dhprebn`",
          verdict="error"),
    Wrong("in a helper", "def dh(dlogits, W2):\n    return back(dlogits, W2)\n\n\n"
          "def back(grad, weights):\n    return grad @ weights\n", 6,
          "right is `return grad @ weights.T`", verdict="error"),
    of_one_line("n - 1 for n", "dhprebn(dbndiff, dbnmeani, n)", "dbndiff + dbnmeani / (n - 1)",
                "- 1 does not belong here"),
    of_one_line("rounded", "dhprebn(dbndiff, dbnmeani, n)", "(dbndiff + dbnmeani / n).round(decimals=6)",
                ".round() does not belong here; right is `return dbndiff + dbnmeani / n`"),
    of_one_line("cut off", "dprobs(dlogprobs, probs)", "(dlogprobs / probs).clamp(-1, 1)",
                ".clamp() does not belong here; right is `return dlogprobs / probs`"),
    of_one_line("letters of einsum", "dembcat(dhprebn, W1)", 'torch.einsum("ij,jk->ik", dhprebn, W1)',
                "jk should be kj in the einsum; right is `return torch.einsum('ij,kj->ik', dhprebn, W1)`", "error"),
    of_one_line("slope forgotten", "dhpreact(dh, h)", "dh",
                "dh is passed on without the derivative of h = torch.tanh(hpreact)"),
    of_one_line("product forgotten", "dembcat(dhprebn)", "dhprebn",
                "right is `return dhprebn @ W1.T` (and W1 among the parameters)"),
    of_lines("range from 1", "db1(dhprebn, b1, n)",
             "grad = torch.zeros_like(b1); rows = range(1, n); grad += dhprebn[rows].sum(0); return grad", 3,
             "what comes before 1 is left out; right is `rows = range(n)`"),
    of_lines("added twice", "dcounts(dprobs, dcounts_sum, counts_sum_inv)",
             "grad = counts_sum_inv * dprobs; grad += dcounts_sum; grad += dcounts_sum; return grad", 4,
             "`grad += dcounts_sum`: it stands twice; right is `pass`"),
    of_lines("path of what is added up", "dbndiff(dbnraw, bndiff, bnvar_inv)",
             "grad = torch.zeros_like(bndiff); grad += bnvar_inv * dbnraw; return grad", 4,
             "what comes through bndiff2 is missing (forward.py:"),
    of_lines("an index of two axes", "dC(demb, Xb, C)",
             "grad = torch.zeros_like(C); grad.index_add_(0, Xb.flatten(), demb); return grad", 3,
             "right is `grad.index_add_(0, Xb.flatten(), demb.flatten(0, 1))`", "error"),
    of_lines("one_hot as it is", "dC(demb, Xb, C)",
             "rows = F.one_hot(Xb.flatten(), C.shape[0]); return rows.T @ demb.flatten(0, 1)", 2,
             "right is `rows = F.one_hot(Xb.flatten(), C.shape[0]).to(demb.dtype)`", "error"),
    Wrong("brackets around three terms", "def dhprebn(dhpreact, bngain, bnraw, bnvar_inv, n):\n"
          "    g = bngain * dhpreact\n    along = (g * bnraw).sum(0) / (n - 1)\n"
          "    return bnvar_inv * g - g.mean(0) - bnraw * along\n", 4,
          "right is `return bnvar_inv * (g - g.mean(0) - bnraw * along)`", "ex3_batchnorm"),
    Wrong("-1 for n - 1", "def dhprebn(dhpreact, bngain, bnraw, bnvar_inv, n):\n"
          "    g = bngain * dhpreact\n    along = (g * bnraw).sum(0) / -1\n"
          "    return bnvar_inv * (g - g.mean(0) - bnraw * along)\n", 3,
          "-1 should be n - 1; right is `along = (g * bnraw).sum(0) / (n - 1)`", "ex3_batchnorm"),
    Wrong("one expression", "def dlogits(logits, Yb, n):\n"
          "    return F.softmax(logits, 0) / n - F.one_hot(Yb, logits.shape[1]) / n\n", 2,
          "the softmax runs over axis 0, and should over axis 1", "ex2_cross_entropy"),
    Wrong("one expression of BatchNorm", "def dhprebn(dhpreact, bngain, bnraw, bnvar_inv, n):\n"
          "    sum_g = dhpreact.sum(0)\n    sum_xg = (bnraw * dhpreact).sum(0)\n"
          "    return bngain * bnvar_inv / n * (n * dhpreact + sum_g - n / (n - 1) * bnraw * sum_xg)\n", 4,
          "right is `return bngain * bnvar_inv / n * (n * dhpreact - sum_g - n / (n - 1) * bnraw * sum_xg)`",
          "ex3_batchnorm"),
)  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """A judge of one lesson, and what edits of its answers draw on."""

    lesson: Lesson
    judge: Judge
    folder: Path

    def result(self, source: str, path: str, *, mends: bool = True) -> StepResult:
        """The result of one step whose exercise's file is this text."""
        result = self.judged(source, path, mends=mends)
        assert not [note for note in result.notes if note.startswith(NO_MENDS)]
        return step_of(result, path)

    def judged(self, source: str, path: str, *, mends: bool = True) -> SubmissionResult:
        exercise = path.split(".")[0]
        (self.folder / f"{exercise}.py").write_text(source, encoding="utf-8")
        return self.judge.judge(Request(submission_at(self.folder, self.lesson), frozenset({path}), mends=mends))

    def source(self, text: str, path: str) -> Source:
        """The part of a file that answers one step, as the search sees it."""
        exercise = self.lesson.exercise(path.split(".")[0])
        step = next(step for step in exercise.steps if step.path == path)
        (self.folder / exercise.file).write_text(text, encoding="utf-8")
        answers = read_answers(submission_at(self.folder, self.lesson), self.lesson)
        return Source(answers.by_name[exercise.name, callable_of(exercise, step)].source)

    def edits(self, text: str, path: str) -> list[Edit]:
        return edits_of(self.source(text, path), self.world(path))

    def world(self, path: str) -> World:
        exercise = self.lesson.exercise(path.split(".")[0])
        step = next(step for step in exercise.steps if step.path == path)
        values = Situations(self.lesson, 0).public("", "").tape.values
        shapes = {name: tuple(value.shape) for name, value in values.items()}
        targets = [s.tensor for s in exercise.gradient_steps] if exercise.function else [step.tensor]
        name = callable_of(exercise, step)
        return World(self.lesson.graph, self.lesson.sizes, shapes, tuple(targets), name)


@pytest.fixture
def bench(lesson: Lesson, judge: Judge, tmp_path: Path) -> Bench:
    return Bench(lesson, judge, tmp_path)


@pytest.fixture(scope="module")
def tiny_judge(warm: Warm) -> tuple[Lesson, Judge]:
    tiny = load_lesson(LESSONS / "exercises" / "tiny")
    return tiny, Judge(tiny, 0, warm)


@pytest.fixture
def tiny(tiny_judge: tuple[Lesson, Judge], tmp_path: Path) -> Bench:
    return Bench(*tiny_judge, tmp_path)


def told(result: StepResult) -> str:
    """The mend of a result that has one."""
    assert result.instructor.mend, f"no mend: {result.verdict}, {result.message}"
    return result.instructor.mend


def settled(result: StepResult) -> tuple[object, ...]:
    """What a mend must not change: all but what it adds."""
    bare = replace(result, mistake=None, instructor=replace(result.instructor, mend=None))
    return tuple(sorted(vars(bare).items(), key=lambda item: item[0]))


# --- each kind --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.kind)
def test_a_wrong_answer_is_mended_in_its_line_and_the_mended_answer_passes(wrong: Wrong, bench: Bench) -> None:
    text = PRELUDE + wrong.source
    result = bench.result(text, wrong.step)
    assert result.verdict == wrong.verdict
    mend = told(result)
    assert mend.startswith(f"line {FIRST_LINE + wrong.line - 1}: "), mend
    assert wrong.mend in mend
    without = bench.result(text, wrong.step, mends=False)
    assert without.instructor.mend is None
    assert settled(result) == settled(without)
    assert_passes(edit_behind(bench, text, wrong.step, mend), wrong.step, bench)


def edit_behind(bench: Bench, text: str, path: str, mend: str) -> Edit:
    found = [edit for edit in bench.edits(text, path) if f"line {edit.line}: {edit.words}" == mend]
    assert found, f"none of the edits says {mend!r}"
    return found[0]


def assert_passes(edit: Edit, path: str, bench: Bench) -> None:
    """The whole edited answer, judged like any other, in all cases."""
    judged = bench.result(PRELUDE + edit.source, path, mends=False)
    assert judged.passes, f"{edit.words}\n{edit.source}\n{judged.verdict}: {judged.message}"


def test_the_piece_that_a_mend_shows_is_the_students_own_line_written_otherwise(bench: Bench) -> None:
    """Where the mend shows a whole statement, it can be put in place of the line by hand."""
    source = "def dcounts(dprobs, dcounts_sum, counts_sum_inv):\n    return counts_sum_inv  *  dprobs - dcounts_sum\n"
    mend = told(bench.result(PRELUDE + source, f"{CHAIN}.dcounts"))
    shown = mend.split("right is `")[1].removesuffix("`")
    by_hand = source.replace("return counts_sum_inv  *  dprobs - dcounts_sum", shown)
    assert by_hand != source
    assert bench.result(PRELUDE + by_hand, f"{CHAIN}.dcounts").passes


def test_signs_beyond_ascii_before_the_place_do_not_shift_the_edit(bench: Bench) -> None:
    source = 'def dprobs(dlogprobs, probs):\n    ü = "∂loss/∂probs"; return dlogprobs * probs  # größer als 0 → ∞\n'
    assert "right is `return dlogprobs / probs`" in told(bench.result(PRELUDE + source, f"{CHAIN}.dprobs"))


def test_line_numbers_are_those_of_the_students_file(bench: Bench) -> None:
    text = (
        "# my answers\n\n" + PRELUDE + "x = 1\n\n\ndef dprobs(\n    dlogprobs,\n    probs,\n):\n    a = 0  # nothing\n"
    )
    text += "    return (\n        dlogprobs\n        * probs\n    )\n"
    line = text[: text.index("        dlogprobs\n        *")].count("\n") + 1
    assert told(bench.result(text, f"{CHAIN}.dprobs")).startswith(f"line {line}: * should be /")


# --- none -------------------------------------------------------------------------------------------------

UNMENDED = {
    "two mends in different lines": (
        "dlogprobs",
        "def dlogprobs(logprobs, Yb, n):\n    grad = torch.zeros_like(logprobs)\n"
        "    grad[range(n), Yb] = -1\n    return grad\n",
    ),
    "two mistakes": ("dhpreact", "def dhpreact(dh, hpreact):\n    return 1 - hpreact**2 * dh\n"),
    "nothing of it": ("dW2", "def dW2(W2):\n    return torch.sigmoid(W2).cumsum(0)\n"),
    "right": ("dprobs", "def dprobs(dlogprobs, probs):\n    return dlogprobs / probs\n"),
    "not filled in": ("dprobs", "def dprobs(dlogprobs, probs):\n    raise NotImplementedError\n"),
    "forbidden": ("dprobs", "def dprobs(dlogprobs, probs):\n    return torch.autograd.grad(probs, dlogprobs)\n"),
}


@pytest.mark.parametrize("name", UNMENDED)
def test_no_mend_is_shown_where_there_is_none_or_more_than_one(name: str, bench: Bench) -> None:
    step, source = UNMENDED[name]
    assert bench.result(PRELUDE + source, f"{CHAIN}.{step}").instructor.mend is None


def test_two_edits_in_different_lines_would_each_have_been_right(bench: Bench) -> None:
    """That the case above is what it says: both edits pass, and so neither is shown."""
    path = f"{CHAIN}.dlogprobs"
    text = PRELUDE + UNMENDED["two mends in different lines"][1]
    words = ("right is `grad[range(n), Yb] = -1 / n`", "right is `return grad / n`")
    both = [edit for edit in bench.edits(text, path) if edit.words.endswith(words)]
    assert len({edit.line for edit in both}) == 2
    for edit in both:
        assert_passes(edit, path, bench)


NEW = "def dprobs(dlogprobs, probs):\n    once = -dlogprobs\n    return once / probs\n"  # looked at by no other test


def test_without_mends_in_the_request_no_edit_is_made(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*_: object) -> list[Edit]:
        raise AssertionError("an edit was made")

    monkeypatch.setattr(search, "edits_of", made)
    result = bench.result(PRELUDE + WRONG[0].source, WRONG[0].step, mends=False)
    assert (result.verdict, result.instructor.mend) == ("wrong", None)


def test_a_fault_in_the_search_costs_no_verdict_and_is_noted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*_: object) -> list[Edit]:
        raise OverflowError("an edit was made")

    monkeypatch.setattr(search, "edits_of", made)
    result = bench.judged(PRELUDE + NEW, f"{CHAIN}.dprobs")
    step = step_of(result, f"{CHAIN}.dprobs")
    assert (step.verdict, step.instructor.mend) == ("wrong", None)
    begin = f"{NO_MENDS} OverflowError: an edit was made (test_mends.py:"
    assert [note.startswith(begin) for note in result.notes] == [True]


def test_the_largest_numbers_there_are_have_edits_too(bench: Bench) -> None:
    step = bench.result(
        PRELUDE + "def dprobs(dlogprobs, probs):\n    return 1.7e308 * dlogprobs / probs\n", f"{CHAIN}.dprobs"
    )
    assert step.verdict == "wrong"


@pytest.mark.parametrize("mends", [True, False])
def test_the_line_that_asks_a_judge_says_whether_to_look_for_mends(mends: bool, bench: Bench) -> None:
    request = Request(submission_at(bench.lesson.folder, bench.lesson), mends=mends)
    assert read_job(job(request)) == request


# --- bounds -----------------------------------------------------------------------------------------------

ENDLESS = """
def dprobs(dlogprobs, probs):
    i = 1
    while i < 5:
        i = i + 1
    while i > 4:
        i = i - 1
    while 0 * i:
        i = i
    return dlogprobs * probs
"""
DEADLY = """
def dprobs(dlogprobs, probs):
    sizes = [1 << 2, 1 << 3, 1 << 4]
    torch.empty(sizes[0] ** 2 * sizes[1] - sizes[2] * 8)
    deep(7)
    return dlogprobs * probs


def deep(depth):
    return depth if depth == 0 else deep(depth - 1)
"""


@pytest.mark.parametrize("source", [ENDLESS, DEADLY], ids=["endless loops", "depth and memory"])
def test_the_search_ends_though_edits_never_do_or_end_their_process(
    source: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_MOST_SECONDS", 3.0)
    start = time.monotonic()
    result = bench.result(PRELUDE + source, f"{CHAIN}.dprobs")
    assert time.monotonic() - start < 20  # those 3 s, and the judging itself on a busy machine
    assert (result.verdict, result.credit) == ("wrong", 0)
    assert result.instructor.mend is None or "right is `return dlogprobs / probs`" in result.instructor.mend


def test_lost_processes_end_the_search(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def lost(*arguments: object) -> list[bool] | None:
        tried.append(str(arguments))
        return [False] if len(tried) == 1 else None  # the answer as it is, and then edits

    monkeypatch.setattr(search, "right_in", lost)
    assert bench.result(PRELUDE + NEW, f"{CHAIN}.dprobs").instructor.mend is None
    assert 1 < len(tried) < 10


def long_answer(statements: int) -> str:
    lines = "".join(f"    x{i} = dlogprobs / probs * (1 + {i}) - probs\n" for i in range(statements))
    return PRELUDE + f"def dprobs(dlogprobs, probs):\n{lines}    return dlogprobs * probs\n"


def test_an_answer_of_thousands_of_nodes_is_not_looked_through(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Source] = []

    def no_edits(source: Source, *_: object) -> list[Edit]:
        made.append(source)
        return []

    monkeypatch.setattr(search, "edits_of", no_edits)
    path = f"{CHAIN}.dprobs"
    assert bench.source(long_answer(200), path).size > search.MOST_NODES
    assert bench.result(long_answer(200), path).verdict == "wrong"
    assert made == []
    bench.result(long_answer(2), path)
    assert made


def test_the_edits_of_the_longest_answers_are_few_enough_to_write_down(bench: Bench) -> None:
    path = f"{CHAIN}.dprobs"
    source, world = bench.source(long_answer(140), path), bench.world(path)
    assert 2000 < source.size <= search.MOST_NODES
    start = time.process_time()
    assert len(edits_of(source, world)) <= MOST_MADE
    assert time.process_time() - start < 10  # 0.3 s where nothing else runs


def test_an_answer_nested_too_deeply_for_the_edits_gets_no_mend(bench: Bench) -> None:
    deep = "-".join(["(dlogprobs * probs"] + ["(probs"] * 80) + ")" * 81
    source = f"def dprobs(dlogprobs, probs):\n    return {deep}\n"
    assert bench.result(PRELUDE + source, f"{CHAIN}.dprobs").verdict == "wrong"


# --- the words of edits -----------------------------------------------------------------------------------

SPOKEN = [wrong for wrong in WRONG if wrong.kind in (
    "one expression of BatchNorm", "one expression", "= for += in a loop", "in a helper", "clone for in place",
    "path of dlogits", "eps", "lambda", "n not asked for", "shape written out")]  # fmt: skip


@pytest.mark.parametrize("wrong", SPOKEN, ids=lambda wrong: wrong.kind)
def test_every_edit_can_be_run(wrong: Wrong, bench: Bench) -> None:
    edits = bench.edits(PRELUDE + wrong.source, wrong.step)
    assert len(edits) > 20
    for _, tree in parsed(edits):
        compiled(tree, "ex1_chain.py")


def parsed(edits: list[Edit]) -> Iterator[tuple[Edit, ast.Module]]:
    """Edits that are Python at all; the others are never run."""
    found = 0
    for edit in edits:
        try:
            tree = ast.parse(edit.source)
        except SyntaxError:
            continue
        found += 1
        yield edit, tree
    assert found > len(edits) * 0.95


def test_edits_differ_from_the_answer_and_from_each_other_and_the_nearest_come_first(bench: Bench) -> None:
    wrong = WRONG[0]
    source = bench.source(PRELUDE + wrong.source, wrong.step)
    edits = edits_of(source, bench.world(wrong.step))
    texts = [edit.source for edit in edits]
    assert source.text not in texts
    assert len(set(texts)) == len(texts)
    assert [edit.distance() for edit in edits] == sorted(edit.distance() for edit in edits)


# --- one function of many gradients -----------------------------------------------------------------------


def test_one_edit_mends_all_the_gradients_that_one_mistake_spoils(lesson: Lesson, judge: Judge, tmp_path: Path) -> None:
    right = (ROOT / "solutions" / "mlp" / "ex4_training.py").read_text(encoding="utf-8")
    wrong = right.replace("(1 - h * h) * dh", "(1 - h) * dh")
    (tmp_path / "ex4_training.py").write_text(wrong, encoding="utf-8")
    asked = frozenset(step.path for step in lesson.exercise("ex4_training").gradient_steps)
    result = judge.judge(Request(submission_at(tmp_path, lesson), asked))
    mends = {step.step: step.instructor.mend for step in result.exercises[0].steps if not step.passes}
    line = wrong[: wrong.index("(1 - h) * dh")].count("\n") + 1
    assert {"dC", "dW1", "dbngain", "dbnbias"} <= set(mends)
    assert all(mend and mend.startswith(f"line {line}: ") for mend in mends.values()), mends
    assert all(step.instructor.mend is None for step in result.exercises[0].steps if step.passes)


SOLUTION = (ROOT / "solutions" / "mlp" / "ex4_training.py").read_text(encoding="utf-8")
SPOILT = {
    "shape error": ("h.T @ dlogits", "h @ dlogits", "the transpose is in the wrong place"),
    "always 0": ("db1 = dhprebn.sum(0)", "db1 = dhprebn.sum(0, keepdim=True)", "keepdim does not belong"),
    "order": ("return dC, dW1, db1, dW2, db2", "return dC, dW1, db1, db2, dW2", "db2 is returned in the place of dW2"),
    "deep": ("bngain * bnvar_inv * (", "(bngain + bnvar_inv) * (", "+ should be *"),
}  # fmt: skip


def gradients_of(text: str, lesson: Lesson, judge: Judge, folder: Path) -> tuple[StepResult, ...]:
    (folder / "ex4_training.py").write_text(text, encoding="utf-8")
    asked = frozenset(step.path for step in lesson.exercise("ex4_training").gradient_steps)
    return judge.judge(Request(submission_at(folder, lesson), asked)).exercises[0].steps


@pytest.mark.parametrize("name", SPOILT)
def test_a_mend_is_told_at_every_gradient_that_it_mends(
    name: str, lesson: Lesson, judge: Judge, tmp_path: Path
) -> None:
    old, new, words = SPOILT[name]
    assert SOLUTION.count(old) == 1
    steps = gradients_of(SOLUTION.replace(old, new), lesson, judge, tmp_path)
    wrong = [step for step in steps if not step.passes]
    assert wrong
    assert all(words in (step.instructor.mend or "") for step in wrong), [step.instructor.mend for step in wrong]


def test_a_search_ends_at_a_count_and_finds_the_same_again(
    lesson: Lesson, warm: Warm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    right_in = vars(search)["right_in"]

    def counted(*arguments: Any) -> Any:
        tried.append(arguments[4].source)
        return right_in(*arguments)

    monkeypatch.setattr(search, "right_in", counted)
    beyond_mending = SOLUTION.replace("(1 - h * h) * dh", "(2 - h) * h").replace("dlogits.sum(0)", "dlogits[0] * n")
    first = gradients_of(beyond_mending, lesson, Judge(lesson, 0, warm), tmp_path)
    times = len(tried)
    assert search.MOST_LIKELY / 2 < len(set(tried)) <= search.MOST_TRIED + 1  # and the answer as it is
    assert gradients_of(beyond_mending, lesson, Judge(lesson, 0, warm), tmp_path) == first
    assert tried[:times] == tried[times:]


# --- many answers, and the same one again ---------------------------------------------------------------------


def submission(folder: Path, text: str, lesson: Lesson) -> Request:
    folder.mkdir()
    (folder / f"{CHAIN}.py").write_text(text, encoding="utf-8")
    return Request(submission_at(folder, lesson))


@dataclass
class Counted:
    """What was tried, as the source of each edit."""

    sources: list[str]

    def since(self, start: int) -> list[str]:
        return self.sources[start:]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    tried = Counted([])
    right_in = vars(search)["right_in"]

    def noted(*arguments: Any) -> Any:
        tried.sources.append(arguments[4].source)
        return right_in(*arguments)

    monkeypatch.setattr(search, "right_in", noted)
    return tried


AGAIN = {
    "another name, more text around it": "# of somebody else\n\nnobody = 3\n" + PRELUDE + WRONG[0].source + "\n# end\n",
    "the same bytes": PRELUDE + WRONG[0].source,
}


@pytest.mark.parametrize("text", AGAIN)
def test_an_answer_that_was_searched_in_another_submission_is_not_searched_again_and_is_told_the_same(
    text: str, lesson: Lesson, warm: Warm, tmp_path: Path, counted: Counted
) -> None:
    judge = Judge(lesson, 0, warm)
    first = judge.judge(submission(tmp_path / "ann", PRELUDE + WRONG[0].source, lesson))
    times = len(counted.sources)
    assert times > 1
    again = judge.judge(submission(tmp_path / "bob", AGAIN[text], lesson))
    assert counted.since(times) == []
    fresh = Judge(lesson, 0, warm).judge(submission(tmp_path / "cy", AGAIN[text], lesson))
    assert len(counted.sources) == 2 * times
    step = WRONG[0].step
    assert told(step_of(again, step)) == told(step_of(fresh, step))
    assert told(step_of(again, step)).split(": ", 1)[1] == told(step_of(first, step)).split(": ", 1)[1]


def test_an_answer_that_differs_in_one_sign_is_searched_by_itself(lesson: Lesson, warm: Warm, tmp_path: Path) -> None:
    judge = Judge(lesson, 0, warm)
    text = PRELUDE + "def dprobs(dlogprobs, probs):\n    return {} / probs\n"
    results = [
        judge.judge(submission(tmp_path / str(number), text.format(wrong), lesson))
        for number, wrong in enumerate(("-dlogprobs", "-(-(-dlogprobs))"))
    ]
    mends = [told(step_of(result, f"{CHAIN}.dprobs")) for result in results]
    assert mends[0] != mends[1]


def test_the_searches_of_one_submission_share_a_count_and_each_answer_gets_some_of_it(
    lesson: Lesson, warm: Warm, tmp_path: Path, counted: Counted
) -> None:
    names = [step.name for step in lesson.exercise(CHAIN).gradient_steps]
    tensors = [step.tensor for step in lesson.exercise(CHAIN).gradient_steps]
    beyond_mending = [
        f"def {name}({tensor}):\n    a = torch.sigmoid({tensor}).cumsum(0)\n    return a * a + {tensor} - a * 3\n"
        for name, tensor in zip(names, tensors, strict=True)
    ]
    text = PRELUDE + "\n\n".join(beyond_mending)
    Judge(lesson, 0, warm).judge(submission(tmp_path / "ann", text, lesson))
    searched = {name for name in names if any(f"def {name}(" in source for source in counted.sources)}
    assert len(counted.sources) <= mender.MOST_OF_A_SUBMISSION + 7 * len(names)  # and each answer as it is
    assert len(searched) > 8


def test_an_edit_of_one_answer_changes_nothing_for_the_next(lesson: Lesson, warm: Warm, tmp_path: Path) -> None:
    """Each search has a process of its own: what runs in it is gone with it."""
    forked: list[str] = []

    class Noted:
        isolation = warm.isolation

        def fork(self, kind: str, arguments: Any) -> Any:
            forked.append(kind)
            return warm.fork(kind, arguments)

        def bury(self, process: Any, wait: float) -> Any:
            return warm.bury(process, wait)

    text = PRELUDE + WRONG[0].source + "\n" + NEW
    judge = Judge(lesson, 0, Noted())  # type: ignore[arg-type]
    result = judge.judge(submission(tmp_path / "ann", text, lesson))
    assert {step.step for step in result.exercises[0].steps if step.instructor.mend} >= {"dlogit_maxes", "dprobs"}
    assert forked == ["student"] * 3  # one judges, two search


# --- a second lesson --------------------------------------------------------------------------------------

TINY = {
    "ddelta": ("2 * delta * dsquare", "delta * dsquare", "a factor 2 is missing"),
    "dlift": ("dguess.unsqueeze(1) / units", "dguess.unsqueeze(1)", "a division by units is missing"),
    "dgate": ("value * dglu", "-value * dglu", "the minus does not belong here; right is `return value * dglu`"),
    "dx": ("dvalue @ A.T + dslope @ G.T", "dvalue @ A.T",
           "what comes through slope is missing (forward.py:23); right is `return dvalue @ A.T + dslope @ G.T`"),
    "dtotal": ("(total + 0.5) ** 2", "total**2", "+ 0.5 of the forward line belongs inside"),
    "dworth": ("dshare / (total + 0.5) + dtotal", "dshare / (total + 0.5)", "what comes through total is missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", TINY)
def test_a_second_lesson_is_mended_without_any_code_of_its_own(name: str, tiny: Bench) -> None:
    old, new, mend = TINY[name]
    text = (LESSONS / "solutions" / "tiny" / "ex_walk.py").read_text(encoding="utf-8")
    start = text.index(f"def {name}(")
    place = text.index(old, text.index("# BEGIN SOLUTION", start))
    wrong = text[:place] + new + text[place + len(old) :]
    result = tiny.result(wrong, f"ex_walk.{name}")
    assert told(result).startswith(f"line {wrong[:place].count(chr(10)) + 1}: "), result.instructor.mend
    assert mend in told(result)


# --- a teacher would write it -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "sense"),
    [
        ("d / (p + 1e-12)", "d / p + 1e-12", False),
        ("d / (p + 1e-12)", "d / p", True),
        ("d * 2", "d * 1", False),
        ("d * 1 / 2", "d * 1", True),
        ("d / n", "d / 1", False),
        ("x.transpose(1, 2)", "x.transpose(2, 2)", False),
        ("x.transpose(1, 2)", "x.transpose(0, 2)", True),
        ("a[i] -= 1 / n", "a[i] -= n / n", False),
        ("a @ b * 0.5", "2 * a @ b * 0.5", False),
        ("a @ b * 0.5", "a @ b", True),
        ("-0.5 * a", "-2 * a", True),
        ("x ** -1.5", "(x + 1e-12) ** -1.5", True),
    ],
)
def test_an_edit_that_does_nothing_teaches_nothing(before: str, after: str, sense: bool) -> None:
    assert makes_sense(ast.parse(before), ast.parse(after)) == sense


def test_no_result_is_returned_twice() -> None:
    assert not makes_sense(ast.parse("def f():\n    return s, t"), ast.parse("def f():\n    return s, s"))
    assert makes_sense(ast.parse("def f():\n    return s, t"), ast.parse("def f():\n    return t, s"))


def test_a_name_that_is_not_among_the_parameters_is_offered(bench: Bench) -> None:
    source = f"{PRELUDE}def dcounts(dprobs, counts_sum_inv, dcounts_sum):\n"
    source += "    return counts_sum_inv * dprobs + dcounts_sum * torch.ones_like(counts)\n"
    result = bench.result(source, f"{CHAIN}.dcounts")
    assert result.message.endswith(
        "name 'counts' is not defined; counts is available: add it to the parameters of dcounts"
    )
    assert result.mistake is None
    assert "right is `def dcounts(counts, ...)`" in told(result)


def test_what_is_shown_is_written_as_it_stands_whoever_wrote_the_same_otherwise(bench: Bench) -> None:
    for product in ("(2 * bndiff) * dbndiff2", "2 * bndiff * dbndiff2"):
        source = f"{PRELUDE}def dbndiff(dbndiff2, dbnraw, bndiff, bnvar_inv):\n    grad = bnvar_inv * dbnraw\n"
        source += f"    grad = {product}\n    return grad\n"
        assert f"right is `grad += {product}`" in told(bench.result(source, f"{CHAIN}.dbndiff"))
