"""The kit that grades backward passes written by hand.

The way of a submission, and the order in which to read the package:

    commands    what a person typed
    lesson      lesson.toml + forward.py -> plain data: steps, cases, graph
    submission  a student's files -> one answer a step, as source text
    judge       references by autograd, cases, comparison, verdict
    ------- the trust boundary: the pipe of `wire`, in processes forked from `warm` -------
    worker      runs the student's function, returns plain tensor bytes
    results     verdicts as data: results.json, grades.csv
    report      the same for people: terminal, pages
"""

__version__ = "0.1.0"
