"""The kit in a notebook: each answer is judged where it is written, by the judge that grades.

    from grader.jupyter import check, hint, progress, start

    start("mlp")
    check(dprobs)

The function is not run here: its text, and what it reaches in the notebook, goes to a
student process as every submission does, so a hang or a crash costs a verdict and not the kernel.
"""

from grader.jupyter.kit import check, hint, progress, start

__all__ = ["check", "hint", "progress", "start"]
