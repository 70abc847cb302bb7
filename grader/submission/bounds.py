"""How much of a student's work is read. Honest work stays far below; what exceeds a bound is the student's `error`.

Published notebooks of this exercise have up to 60 KiB of code, 300 cells, 800 statements and 10,000 nodes.
"""

from __future__ import annotations

# One file
MAX_BYTES = 256 << 10  # of source: a .py file, or the code cells of a notebook together
MAX_LINES = 20_000  # an answer's text has a line for each of its file's
MAX_STATEMENTS = 4_000  # at top level: each is asked for by name, by every answer
MAX_NODES = 60_000  # of the syntax tree; a node takes about 500 bytes
MAX_BITS = 1_000  # of a whole number: a float holds no larger one, and Python writes none in decimal

# A notebook
MAX_NOTEBOOK_BYTES = 64 << 20  # with its outputs, which are passed over: saved plots take megabytes
MAX_NOTEBOOK_VALUES = 1_000_000  # texts, lists and objects in its JSON: what passing over it costs
MAX_CELLS = 2_000
MAX_CELL_BYTES = 4 << 20  # of one cell's source, which may hold a pasted picture

# Answers
MAX_TOLD = 3  # remarks of one kind on one file; the others are counted
