"""Right answers in many styles, held to what they are: by the judge at many seeds, and by autograd without the judge.

forms    the answers of tests/corpus/right, as data
chain    a forward pass of its own with plain autograd: the real gradients at a random draw
direct   an answer called in this process, and compared with them
packs    many answers in few submissions, for the judge
tally    all answers at one seed, counted
run      python -m tests.right_forms.run: all answers at many seeds, as a table
"""
