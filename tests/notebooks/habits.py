"""Notebooks in the habits of learners, each with the verdict that is known for each gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.notebooks.parts import (
    BATCH,
    CHAIN,
    CMP,
    COMPARISONS,
    DATA,
    DHPREBN,
    DLOGITS,
    FORWARD,
    FUSED_LOSS,
    FUSED_NORM,
    IMPORTS,
    PARAMETERS,
    PLOT,
    SET_UP,
    TENSORS,
    TRAINING,
    WHOLE,
    code,
    markdown,
    notebook,
    statement_by_statement,
    with_lines,
)

Cells = tuple[str | dict[str, Any], ...]


@dataclass(frozen=True)
class Habit:
    """One notebook. Every step is right but those in `others`."""

    name: str
    text: str
    others: Mapping[str, str] = field(default_factory=dict)  # "exercise.step" or an exercise's name -> verdict
    notes: tuple[str, ...] = ()  # what the notes have to say


def whole(**changed: Any) -> Cells:
    """The whole notebook with some parts (chain, dlogits, dhprebn, training ...) written otherwise."""
    parts: dict[str, Any] = {
        "set_up": SET_UP,
        "chain": CHAIN,
        "comparisons": COMPARISONS,
        "fused_loss": FUSED_LOSS,
        "dlogits": DLOGITS,
        "plot": PLOT,
        "fused_norm": FUSED_NORM,
        "dhprebn": DHPREBN,
        "training": TRAINING,
    }
    assert changed.keys() <= parts.keys()
    return tuple(
        cell
        for part in (parts | changed).values()
        for cell in (part if isinstance(part, tuple | list) else [part])
        if cell
    )


def chain(**lines: str) -> str:
    return with_lines(CHAIN, **lines)


def training(**lines: str) -> str:
    return with_lines(TRAINING, **lines)


def interleaved(cell: str) -> list[str | dict[str, Any]]:
    """Each statement in a cell of its own, with shape looks, prints, comparisons and text between."""
    cells: list[str | dict[str, Any]] = []
    last = {tensor: f"d{tensor} " for tensor in TENSORS}
    statements = statement_by_statement(cell)
    for place, statement in enumerate(statements):
        cells.append(statement)
        rest = "\n".join(statements[place + 1 :])
        for tensor in TENSORS:
            if statement.startswith(last[tensor]) and f"\nd{tensor} " not in f"\n{rest}" and tensor != "C":
                cells += [
                    f"d{tensor}.shape, {tensor}.shape",
                    markdown(f"**{tensor}**"),
                    f"cmp('{tensor}', d{tensor}, {tensor})",
                ]
    return [*cells, "cmp('C', dC, C)"]


DC_FORMS = {
    "index_add": "dC = torch.zeros_like(C)\ndC.index_add_(0, Xb.view(-1), demb.view(-1, C.shape[1]))",
    "one-hot product": "dC = F.one_hot(Xb.view(-1), num_classes=C.shape[0]).to(demb.dtype).T @ demb.view(-1, C.shape[1])",
    "masks": "dC = torch.zeros_like(C)\nfor token in range(C.shape[0]):\n    dC[token] = demb[Xb == token].sum(0)",
    "put with accumulate": "dC = torch.zeros_like(C)\ndC.index_put_((Xb,), demb, accumulate=True)",
    "one loop": "dC = torch.zeros_like(C)\nfor i in range(Xb.numel()):\n    dC[Xb.view(-1)[i]] += demb.view(-1, C.shape[1])[i]",
    "zip": "dC = torch.zeros_like(C)\nfor row, grads in zip(Xb, demb):\n    for token, grad in zip(row, grads):\n        dC[token] += grad",
}
_LOOP = CHAIN[CHAIN.index("dC = ") :]


def with_dc(form: str) -> str:
    return CHAIN.replace(_LOOP, DC_FORMS[form])


RENAMED = {"bnmeani": "bnmean", "logit_maxes": "logit_max", "counts_sum_inv": "inv_sum"}


def renamed(cell: str, names: Mapping[str, str]) -> str:
    for own, other in names.items():
        cell = cell.replace(f"'{own}'", "'@'").replace(own, other).replace("'@'", f"'{other}'")
    return cell


RENAMED_NOTEBOOK = tuple(
    renamed(cell, RENAMED) for cell in (*SET_UP, CHAIN, COMPARISONS, FUSED_LOSS, DLOGITS, FUSED_NORM, DHPREBN)
)
UNCOMPARED = tuple(cell for cell in WHOLE if cell != COMPARISONS)
EX1 = (*SET_UP, CHAIN, COMPARISONS)
NO_EX1 = {"ex1_chain": "missing"}
NO_EX2 = {"ex2_cross_entropy": "missing"}
NO_EX3 = {"ex3_batchnorm": "missing"}
NO_EX4 = {"ex4_training": "missing"}
ONLY_EX1 = {**NO_EX2, **NO_EX3, **NO_EX4}
OWN_WAY = """dbnraw = dhpreact * bngain
dbndiff = dbnraw * bnvar_inv
dbnvar = (dbnraw * bndiff).sum(0, keepdim=True) * -0.5 * bnvar_inv**3
dbndiff = dbndiff + 2 / (n - 1) * bndiff * dbnvar
dhprebn = dbndiff - dbndiff.mean(0, keepdim=True)
cmp('hprebn', dhprebn, hprebn)"""


def _habit(
    name: str, cells: Cells | list[Any], others: Mapping[str, str] | None = None, *notes: str, **more: Any
) -> Habit:
    return Habit(name, notebook(cells, **more), others or {}, notes)


HABITS = (
    # where things stand
    _habit("the chain in one cell", WHOLE),
    _habit("the chain in one cell, nothing compared", UNCOMPARED),
    _habit("a cell for each statement, looks between", whole(chain=interleaved(CHAIN), comparisons=())),
    _habit("a cell for each statement, compared at the end", whole(chain=statement_by_statement(CHAIN))),
    _habit("comparisons commented out", whole(comparisons="\n".join(f"# {c}" for c in COMPARISONS.split("\n")))),
    _habit("comparisons before and after", whole(chain=(COMPARISONS, CHAIN))),
    _habit("no set-up at all, the chain alone", (CHAIN,), ONLY_EX1),
    _habit("exercise 2 alone", (*SET_UP, FUSED_LOSS, DLOGITS), {**NO_EX1, **NO_EX3, **NO_EX4}),
    _habit("exercise 3 alone, without its imports", (FUSED_NORM, DHPREBN), {**NO_EX1, **NO_EX2, **NO_EX4}),
    _habit("exercise 4 alone", (*SET_UP, TRAINING), {**NO_EX1, **NO_EX2, **NO_EX3}),
    _habit("exercises in another order", (*SET_UP, TRAINING, DHPREBN, DLOGITS, CHAIN, COMPARISONS)),
    _habit("everything in one cell", ("\n".join(WHOLE),)),
    # several writes
    _habit(
        "sums grow over cells apart",
        whole(chain=statement_by_statement(CHAIN.replace("dbndiff += ", "dbndiff = dbndiff + "))),
    ),
    _habit(
        "an alias that changes both",
        whole(chain=CHAIN.replace("dlogits = dnorm_logits.clone()", "dlogits = dnorm_logits")),
        {},
    ),
    _habit(
        "an alias of dbndiff",
        whole(
            chain=CHAIN.replace(
                "dhprebn = dbndiff.clone()\ndbnmeani = -dbndiff.sum(0, keepdim=True)",
                "dbnmeani = -dbndiff.sum(0, keepdim=True)\ndhprebn = dbndiff",
            )
        ),
    ),
    _habit(
        "paths named and added",
        whole(
            chain=chain(
                dcounts="dcounts_a = counts_sum_inv * dprobs",
                dnorm_logits="dcounts_b = torch.ones_like(counts) * dcounts_sum\ndcounts = dcounts_a + dcounts_b\ndnorm_logits = counts * dcounts",
            )
        ),
    ),
    _habit(
        "a helper name used again and again",
        whole(
            chain=chain(
                dlogits="tmp = F.one_hot(logits.max(1).indices, num_classes=logits.shape[1])\ndlogits = dnorm_logits + tmp * (-dnorm_logits.sum(1, keepdim=True))",
                dbnvar="tmp = -0.5 * (bnvar + 1e-5)**-1.5\ndbnvar = tmp * dbnvar_inv",
                db1="tmp = dhprebn\ndb1 = tmp.sum(0)",
            )
        ),
    ),
    _habit(
        "a partial value is read on purpose",
        whole(
            chain=CHAIN.replace(
                "dlogit_maxes = -dnorm_logits.sum(1, keepdim=True)", "dlogit_maxes = -dlogits.sum(1, keepdim=True)"
            )
        ),
    ),
    _habit(
        "a partial value is read by mistake",
        whole(
            chain=CHAIN.replace(
                "dcounts += torch.ones_like(counts) * dcounts_sum\ndnorm_logits = counts * dcounts",
                "dnorm_logits = counts * dcounts\ndcounts += torch.ones_like(counts) * dcounts_sum",
            )
        ),
        {"ex1_chain.dnorm_logits": "wrong"},
    ),
    _habit(
        "the second path overwrites the first",
        whole(chain=CHAIN.replace("dcounts += ", "dcounts = ")),
        {"ex1_chain.dcounts": "wrong"},
    ),
    _habit(
        "both second paths overwrite",
        whole(chain=CHAIN.replace("dhprebn += ", "dhprebn = ").replace("dbndiff += ", "dbndiff = ")),
        {"ex1_chain.dhprebn": "wrong", "ex1_chain.dbndiff": "wrong"},
    ),
    _habit("the chain twice, the first wrong", whole(chain=(chain(dprobs="dprobs = -dlogprobs / probs"), CHAIN))),
    _habit(
        "the chain twice, the second a scratch after the comparison",
        whole(comparisons=(COMPARISONS, "dprobs = torch.zeros_like(probs)\ndh = dlogits @ W2.T * 0")),
    ),
    _habit(
        "a scratch before the comparison is what counts",
        whole(chain=(CHAIN, "dprobs = torch.zeros_like(probs)")),
        {"ex1_chain.dprobs": "wrong"},
    ),
    _habit(
        "blank answers left beside filled ones",
        whole(
            chain=("\n".join(f"d{t} = None" for t in TENSORS), CHAIN),
            dlogits=("dlogits = None # TODO", DLOGITS),
            dhprebn=("dhprebn = None\ncmp('hprebn', dhprebn, hprebn)", DHPREBN),
        ),
    ),
    _habit("a blank answer left after a filled one", whole(dlogits=(DLOGITS, "dlogits = None"))),
    _habit(
        "only some steps are there",
        whole(chain="\n".join(CHAIN.split("\n")[:8])),
        {
            f"ex1_chain.d{t}": "missing"
            for t in TENSORS
            if t not in ("logprobs", "probs", "counts_sum_inv", "counts_sum", "counts", "norm_logits")
        },
    ),
    _habit(
        "the template's blanks",
        whole(
            chain="# your code goes here",
            dlogits="# dlogits = None # your code\n# cmp('logits', dlogits, logits)",
            dhprebn="dhprebn = None",
            training=TRAINING[: TRAINING.index("        dlogits")]
            + "        dC, dW1, db1, dW2, db2, dbngain, dbnbias = None, None, None, None, None, None, None",
        ),
        {**NO_EX1, **ONLY_EX1},
    ),
    # names
    _habit(
        "the fused answer has another name",
        whole(dlogits=DLOGITS.replace("dlogits", "dlogits_fast"), dhprebn=DHPREBN.replace("dhprebn", "dhprebn_fast")),
    ),
    _habit(
        "the fused answers end in numbers",
        whole(dlogits=DLOGITS.replace("dlogits", "dlogits2"), dhprebn=DHPREBN.replace("dhprebn", "dhprebn2")),
    ),
    _habit("tensors under names of one's own", RENAMED_NOTEBOOK, NO_EX4, "dbnmean for dbnmeani"),
    _habit(
        "names of one's own, nothing compared",
        tuple(c for c in RENAMED_NOTEBOOK if not c.startswith("cmp('")),
        NO_EX4,
        "dlogit_max for dlogit_maxes",
    ),
    _habit(
        "the batch is called x and y", tuple(c.replace("Xb", "x").replace("Yb", "y") for c in WHOLE), {}, "x for Xb"
    ),
    _habit(
        "batch_size instead of n",
        tuple(c.replace("/ n", "/ batch_size").replace("(n)", "(batch_size)") if c != FORWARD else c for c in WHOLE),
    ),
    _habit(
        "N instead of n",
        tuple(
            c if c == BATCH else c.replace("range(n)", "range(N)").replace("/= n", "/= N")
            for c in (*SET_UP[:5], "N = batch_size", *WHOLE[5:])
        ),
    ),
    _habit(
        "loop variables overwrite earlier names",
        whole(
            chain=CHAIN + "\nfor h in range(3):\n    print(h)\nfor i in range(2):\n    loss = i\nsum = 0",
            dlogits="k = 5\n" + DLOGITS,
        ),
    ),
    _habit("the name h is reused for a number", whole(fused_loss="h = 0.001\nprint((1 + h) / h)", dlogits=DLOGITS)),
    _habit(
        "the name sum is reused",
        whole(
            chain="sum = counts.sum(1)\n" + CHAIN,
            dhprebn="sum = dhpreact.sum(0)\ndhprebn = bngain*bnvar_inv/n * (n*dhpreact - sum - n/(n-1)*bnraw*(dhpreact*bnraw).sum(0))",
        ),
    ),
    _habit(
        "a tensor's name is reused in the backward pass",
        whole(
            chain=chain(dhpreact="h2 = h**2\nt = 1.0 - h2\ndhpreact = t * dh"),
            dlogits="probs = F.softmax(logits, 1)\nprobs[range(n), Yb] -= 1\nprobs /= n\ndlogits = probs\ncmp('logits', dlogits, logits)",
        ),
    ),
    # forms
    *(_habit(f"dC by {form}", whole(chain=with_dc(form))) for form in DC_FORMS),
    _habit(
        "two gradients in one line",
        whole(
            chain=CHAIN.replace("dW2 = h.T @ dlogits\ndb2 = dlogits.sum(0)", "dW2, db2 = h.T @ dlogits, dlogits.sum(0)")
        ),
    ),
    _habit(
        "three gradients in one line",
        whole(
            chain=CHAIN.replace("dW1 = embcat.T @ dhprebn\ndb1 = dhprebn.sum(0)\n", "").replace(
                "dembcat = dhprebn @ W1.T", "dembcat, dW1, db1 = dhprebn @ W1.T, embcat.T @ dhprebn, dhprebn.sum(0)"
            )
        ),
    ),
    _habit(
        "semicolons",
        whole(
            chain=CHAIN.replace("dprobs = dlogprobs / probs\n", "dprobs = dlogprobs / probs; ").replace(
                "dW2 = h.T @ dlogits\n", "dW2 = h.T @ dlogits; "
            )
        ),
    ),
    _habit(
        "lines that are continued",
        whole(
            dhprebn="dhprebn = (\n    bngain * bnvar_inv / n\n    * (n * dhpreact - dhpreact.sum(0)\n       - n / (n - 1) * bnraw * (dhpreact * bnraw).sum(0))\n)\ncmp('hprebn', dhprebn, hprebn)",
            chain=CHAIN.replace("dbnvar = ", "dbnvar = \\\n    "),
        ),
    ),
    _habit(
        "helper functions",
        whole(
            chain=(
                "def linear_backward(dout, inp, weight):\n    return dout @ weight.T, inp.T @ dout, dout.sum(0)",
                CHAIN.replace(
                    "dh = dlogits @ W2.T\ndW2 = h.T @ dlogits\ndb2 = dlogits.sum(0)",
                    "dh, dW2, db2 = linear_backward(dlogits, h, W2)",
                ),
            )
        ),
    ),
    _habit(
        "helper functions that see the notebook's names",
        whole(
            dlogits="def one_hot():\n    return F.one_hot(Yb, num_classes=logits.shape[1])\ndlogits = (F.softmax(logits, 1) - one_hot()) / n\ncmp('logits', dlogits, logits)",
            chain=chain(
                dlogits="def path():\n    return F.one_hot(logits.max(1).indices, num_classes=logits.shape[1])\ndlogits = dnorm_logits + path() * -dnorm_logits.sum(1, keepdim=True)"
            ),
        ),
    ),
    _habit(
        "a lambda helps", whole(chain="square = lambda t: t**2\n" + CHAIN.replace("(1.0 - h**2)", "(1.0 - square(h))"))
    ),
    _habit(
        "under no_grad",
        whole(
            chain="with torch.no_grad():\n" + "\n".join("    " + line for line in CHAIN.split("\n")),
            dlogits="with torch.no_grad():\n" + "\n".join("    " + line for line in DLOGITS.split("\n")),
        ),
    ),
    _habit("behind if True", whole(chain="if True:\n" + "\n".join("    " + line for line in CHAIN.split("\n")))),
    _habit("annotated and typed", whole(chain=CHAIN.replace("dprobs = ", "dprobs: torch.Tensor = "))),
    _habit(
        "detached and cloned",
        whole(chain=CHAIN.replace("dhprebn @ W1.T", "dhprebn @ W1.detach().T").replace("h.T @", "h.detach().T @")),
    ),
    _habit(
        "asserts and prints between",
        whole(
            chain=CHAIN.replace(
                "\ndh = ", "\nassert dlogits.shape == logits.shape\nprint(dlogits.shape, dlogits[0])\ndh = "
            )
        ),
    ),
    _habit("exercise 3 by way of gradients of its own", whole(dhprebn=OWN_WAY)),
    _habit(
        "exercise 3 by way of the chain's own names, uncompared",
        tuple(OWN_WAY if c == DHPREBN else c for c in UNCOMPARED),
    ),
    _habit(
        "compared by functions of one's own",
        whole(
            comparisons="\n".join(f"print(torch.allclose(d{t}, {t}.grad))" for t in TENSORS) + "\ndprobs = 0 * probs",
            dlogits=DLOGITS.replace("cmp('logits', dlogits, logits)", "check(dlogits, logits)"),
        ),
    ),
    # mistakes: each costs its own step
    _habit(
        "a lost minus",
        whole(chain=chain(dcounts_sum="dcounts_sum = counts_sum**-2 * dcounts_sum_inv")),
        {"ex1_chain.dcounts_sum": "wrong"},
    ),
    _habit(
        "a lost keepdim", whole(chain=chain(dbnmeani="dbnmeani = -dbndiff.sum(0)")), {"ex1_chain.dbnmeani": "shape"}
    ),
    _habit(
        "three mistakes",
        whole(
            chain=chain(
                dprobs="dprobs = dlogprobs * probs", dW2="dW2 = dlogits.T @ h", dhpreact="dhpreact = (1.0 - h) * dh"
            )
        ),
        {"ex1_chain.dprobs": "wrong", "ex1_chain.dW2": "wrong", "ex1_chain.dhpreact": "wrong"},
    ),
    _habit("a typo that raises", whole(chain=chain(dh="dh = dlogit @ W2.T")), {"ex1_chain.dh": "error"}),
    _habit("shapes that do not fit", whole(chain=chain(dh="dh = dlogits @ W2")), {"ex1_chain.dh": "error"}),
    _habit(
        "n forgotten in exercise 2",
        whole(dlogits=DLOGITS.replace("dlogits /= n\n", "")),
        {"ex2_cross_entropy.dlogits": "wrong"},
    ),
    _habit(
        "Bessel forgotten in exercise 3",
        whole(dhprebn=DHPREBN.replace("n/(n-1)*", "")),
        {"ex3_batchnorm.dhprebn": "wrong"},
    ),
    _habit(
        "numbers for sizes",
        whole(chain=CHAIN.replace("-1.0 / n", "-1.0 / 32"), dlogits=DLOGITS.replace("/= n", "/= 32")),
        {"ex1_chain.dlogprobs": "hard-coded", "ex2_cross_entropy.dlogits": "hard-coded"},
    ),
    _habit(
        "an answer read from .grad",
        whole(chain=chain(dprobs="dprobs = probs.grad.clone()")),
        {"ex1_chain.dprobs": "forbidden"},
    ),
    _habit(
        "autograd in exercise 2",
        whole(dlogits="loss_fast.backward(retain_graph=True)\ndlogits = logits.grad\ncmp('logits', dlogits, logits)"),
        {"ex2_cross_entropy.dlogits": "forbidden"},
    ),
    # the training loop
    _habit(
        "a loop without no_grad",
        whole(training=TRAINING.replace("with torch.no_grad():\n", "").replace("\n    ", "\n")),
    ),
    _habit(
        "a while loop",
        whole(
            training=TRAINING.replace("for i in range(max_steps):", "i = 0\n    while i < max_steps:\n        i += 1")
        ),
    ),
    _habit(
        "a loop with backward left in",
        whole(
            training=TRAINING.replace(
                "        dlogits = F.softmax", "        loss.backward()\n        dlogits = F.softmax"
            )
        ),
    ),
    _habit(
        "a loop in a function",
        whole(training="def train():\n" + "\n".join("    " + line for line in TRAINING.split("\n")) + "\ntrain()"),
    ),
    _habit(
        "a loop that stops after a hundred steps",
        whole(training=TRAINING + "\n        if i >= 100:\n            break"),
    ),
    _habit(
        "a loop with the whole chain",
        whole(
            training=TRAINING[: TRAINING.index("        dlogits = F.softmax")]
            + "\n".join("        " + line for line in (FORWARD[: FORWARD.index("for p in")] + CHAIN).split("\n"))
            + "\n        grads = [dC, dW1, db1, dW2, db2, dbngain, dbnbias]\n        for p, grad in zip(parameters, grads):\n            p.data += -0.1 * grad"
        ),
    ),
    _habit(
        "a loop with a mistake in one gradient",
        whole(training=training(dbnbias="dbnbias = dhpreact.mean(0, keepdim=True)")),
        {"ex4_training.dbnbias": "wrong"},
    ),
    _habit(
        "a loop that lacks a gradient",
        whole(training=training(db1="pass")),
        {"ex4_training.db1": "missing", "ex4_training.training": "missing"},
    ),
    _habit(
        "a loop that uses a stale gradient",
        whole(training=TRAINING.replace("dhpreact = (1.0", "dhpreac = (1.0")),
        {f"ex4_training.{s}": "error" for s in ("dC", "dW1", "db1", "dbngain", "dbnbias")}
        | {"ex4_training.training": "missing"},
    ),
    _habit(
        "a loop that takes dC by index_add",
        whole(
            training=TRAINING.replace(
                "        for k in range(Xb.shape[0]):\n            for j in range(Xb.shape[1]):\n                ix = Xb[k, j]\n                dC[ix] += demb[k, j]\n",
                "        dC.index_add_(0, Xb.view(-1), demb.view(-1, C.shape[1]))\n",
            )
        ),
    ),
    # what else stands there
    _habit(
        "magics everywhere",
        tuple(
            "%%time\n" + c if c in (CHAIN, DLOGITS) else c
            for c in (*WHOLE, "%%bash\nls -l", "!pip install torch", "%timeit dlogits.sum()", "torch.tensor?")
        ),
    ),
    _habit(
        "lines of the shell in the answer's cell",
        whole(chain="!nvidia-smi\n%time dprobs_twice = 2\n" + CHAIN + "\nfiles = !ls"),
    ),
    _habit(
        "a hosted notebook's cells",
        (
            "from google.colab import drive\ndrive.mount('/content/drive')",
            "device = 'cuda' if torch.cuda.is_available() else 'cpu'  #@param",
            *WHOLE,
        ),
    ),
    _habit("a cell that is not Python", (*WHOLE, "for p in parameters\n    p.data = 0")),
    _habit(
        "the training cell is not Python",
        whole(training=TRAINING.replace("for i in range(max_steps):", "for i in range(max_steps)")),
        {"ex4_training": "error", "ex4_training.training": "missing"},
    ),
    _habit("cells that raise", ("undefined_name + 1", *whole(chain=(CHAIN, "cmp('probs', dprobs, None)", "1 / 0")))),
    _habit("full-width brackets in one cell", (*WHOLE, "print（dlogits.shape）")),
    _habit(
        "plots and a search for the learning rate",
        (
            *WHOLE,
            "for exponent in range(-3, 0):\n    rate = 10**exponent\n    for p, grad in zip(parameters, grads):\n        p.data += -rate * grad\nplt.plot(lossi)",
            "@torch.no_grad()\ndef split_loss(split):\n    x, y = {'train': (Xtr, Ytr)}[split]\n    emb = C[x]\n    hprebn = emb.view(emb.shape[0], -1) @ W1 + b1\n    h = torch.tanh(hprebn)\n    logits = h @ W2 + b2\n    loss = F.cross_entropy(logits, y)\n    print(split, loss.item())",
        ),
    ),
    _habit(
        "the kit's functions and variables mixed",
        whole(
            chain=(
                CHAIN.replace("dprobs = dlogprobs / probs\n", ""),
                "def dprobs(dlogprobs, probs):\n    return dlogprobs / probs",
            )
        ),
    ),
    _habit(
        "markers say which exercise",
        (
            *SET_UP,
            "# ex2_cross_entropy.dlogits\ndlogits = (F.softmax(logits, 1) - F.one_hot(Yb, num_classes=logits.shape[1])) / n",
            CHAIN,
            DHPREBN,
            TRAINING,
        ),
    ),
    _habit(
        "metadata says which exercise",
        (
            *SET_UP,
            CHAIN,
            COMPARISONS,
            code(
                "dlogits = (probs - F.one_hot(Yb, num_classes=probs.shape[1])) / n",
                metadata={"grader": {"step": "ex2_cross_entropy.dlogits"}},
            ),
            DHPREBN,
            TRAINING,
        ),
    ),
    # files as they come
    _habit(
        "saved outputs of megabytes",
        (
            *(
                code(c, outputs=[{"output_type": "stream", "name": "stdout", "text": "x" * 300_000}], execution_count=9)
                for c in WHOLE
            ),
        ),
    ),
    _habit(
        "tracebacks and widgets saved",
        (
            *(
                code(
                    c,
                    outputs=[
                        {"output_type": "error", "ename": "NameError", "evalue": "x", "traceback": ["\x1b[31m" * 9]},
                        {
                            "output_type": "display_data",
                            "data": {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}},
                            "metadata": {},
                        },
                    ],
                    execution_count=3,
                )
                for c in WHOLE
            ),
        ),
    ),
    _habit(
        "cells with ids and null counts",
        tuple(code(c, id=f"cell-{place}") for place, c in enumerate(WHOLE)),
        nbformat_minor=5,
    ),
    Habit(
        "nbformat 3",
        notebook(
            (),
            nbformat=3,
            worksheets=[
                {
                    "cells": [
                        {
                            "cell_type": "code",
                            "input": c.split("\n") if False else c,
                            "language": "python",
                            "outputs": [],
                            "prompt_number": 1,
                        }
                        for c in WHOLE
                    ],
                    "metadata": {},
                }
            ],
        ).replace('"cells": [], ', "", 1),
    ),
    Habit("a byte order mark", "\ufeff" + notebook(WHOLE)),
    Habit("lines that end as on Windows", notebook(tuple(c.replace("\n", "\r\n") for c in WHOLE))),
    Habit("tabs for blanks", notebook(tuple(c.replace("    ", "\t") for c in WHOLE))),
)
_ = (CMP, DATA, IMPORTS, PARAMETERS)
