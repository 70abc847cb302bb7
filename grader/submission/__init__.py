"""A student's files -> programs, and which statement answers which step. Nothing here runs them.

find        paths -> submissions
choose      one student's files -> which are read for what
filled      what a file answers and imports, where that decides
model       what these three give
notebook    a notebook -> its code cells as one text
statement   one statement, gone through once
program     one file -> its top-level statements; a broken part costs only itself
flatform    gradients that are variables, as far as the text shows them
exercise    which exercise an answer is for, where one namespace has all
reach       what an answer's text reaches, for messages and fixes
answers     submission -> one Answer for each function the lesson asks for
"""
