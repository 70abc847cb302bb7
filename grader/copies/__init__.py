"""Which submissions look alike: a list for an instructor to look at, never a verdict.

    shape      source text -> a row of tokens a function: the syntax tree without the names a student chose
    winnow     tokens -> fingerprints, a fixed choice of hashed k-grams
    compare    fingerprints of a class -> pairs with a score; what many wrote weighs little, what is given nothing
    page       pairs -> one HTML file, both sources side by side

Why not a library: copydetect, the one kept on the package index, winnows tokens of text with all names
made one; it cannot weigh a fingerprint by how many of the class have it, and right answers to steps of
one line look alike. The test class in tests/test_copies.py is where the difference was measured.
"""
