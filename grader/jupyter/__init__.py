"""The kit in a notebook: each answer is judged where it is written, by the judge that grades.

    from grader.jupyter import check, hint, progress, start

    start("mlp")
    check(dprobs)

The function is not run here: its text, and what it reaches in the notebook, goes to a
student process as every submission does, so a hang or a crash costs a verdict and not the kernel.
"""

import sys

_path = sys.path[:]
sys.path[:] = [entry for entry in _path if entry not in ("", ".")]  # a student's rich.py is not what the kit means
try:
    from grader.jupyter.kit import check, hint, progress, start
finally:
    sys.path[:] = _path

__all__ = ["check", "hint", "progress", "start"]
