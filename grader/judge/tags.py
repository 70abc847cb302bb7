"""The closed list of mistakes: `mistake.tag` in results.json is one of these, or there is no mistake named."""

from __future__ import annotations

TAGS: dict[str, str] = {
    # the values as a whole
    "zeros": "every element is 0",
    "sign": "the negative of the right answer",
    "factor": "the right answer times a constant: 2, n, 1/n, a number of the forward line",
    "bessel": "n and n-1 are mixed up, in the whole answer or in one path",
    # paths: several forward statements lead from the tensor to the loss, or deeper in the graph of a fused step
    "missing-path": "what comes through one statement is left out",
    "overwritten": "it is worked out and then overwritten: = where += is meant",
    "extra-path": "what comes through one statement is counted twice",
    "path-sign": "what comes through one statement has the wrong sign",
    "path-factor": "what comes through one statement is off by a constant factor",
    # the chain rule
    "upstream-only": "the arriving gradient is passed on without the local derivative",
    "local-only": "the local derivative stands without the gradient that arrives",
    "missing-factor": "one factor of a product is left out",
    "extra-factor": "a factor too many",
    "extra-term": "something is added that does not belong",
    "wrong-tensor": "another tensor stands where one of the forward pass should",
    "wrong-gradient": "another gradient, or a value in place of a gradient, or another step's answer",
    "derivative": "the local derivative is that of something else",
    "eps": "a constant that is added in the forward line is left out",
    "brackets": "brackets are missing, or in the wrong place",
    # sums and axes
    "missing-sum": "not yet summed over an axis that was broadcast",
    "extra-sum": "summed over an axis that should stay",
    "wrong-axis": "a sum, softmax or maximum over another axis",
    "not-expanded": "one row or column stands for all: fewer elements",
    "transposed": "axes swapped, or the operands of a matrix product in the wrong order",
    "reordered": "the right numbers in other places: a view or permute in another order",
    # entries
    "spread": "given to every entry, where only some should get it",
    "lost-repeats": "an index occurs several times, and only one of them counts",
    # form
    "keepdim": "right but for axes of size 1 (verdict shape)",
    "flattened": "right, but in another shape of the same order (verdict shape)",
    "in-place": "right, but an input was changed (verdict mutates)",
    "hard-coded": "right only at the lecture's sizes, or only on the zeros of the real chain",
    "dtype": "integer or half-precision numbers",
    "not-finite": "NaN or infinity",
    "no-tensor": "it returned None, a number, a list (verdict error)",
}
