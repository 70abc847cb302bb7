"""The nearest mend: a small edit of the student's own code that makes a wrong step right in every case.

text     an edit as a change of the student's text
rules    the local derivative of a forward line, written out: what a missing path would add
edits    the small edits of one answer, the nearest first
flow     where each output of an answer comes from
likely   which edits can help: by where the mistake shows, and by what the numbers say of it
sense    whether a teacher would write an edit that passes
search   runs them like any student code, and keeps one only if it is the only nearest one
mender   what a submission's searches may take together; what was found for the same answer before

Mends run in student processes of their own, after all verdicts are settled: they cannot change any.
"""

from grader.judge.mend.mender import Mender, SearchBudget

__all__ = ["Mender", "SearchBudget"]
