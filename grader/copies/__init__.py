"""Which submissions look alike: a list for an instructor to look at, never a verdict.

    shape      source text -> a row of tokens a function: the syntax tree without the names a student chose
    winnow     tokens -> fingerprints, a fixed choice of hashed k-grams
    compare    fingerprints of a class -> pairs with a score; what many wrote weighs little, what is given nothing
    page       pairs -> one HTML file, both sources side by side

Why no library does it: copydetect, the one kept on the package index, winnows text tokens and takes every
fingerprint alike, but right answers to steps of one line look alike. On a class of 60 with 5 copies, as in
tests/test_copies.py, it put an honest pair above two of the copies (honest up to 0.69, copies from 0.62); weighing
by rarity, one vote a function, keeps them apart (honest up to 0.18, copies from 0.51).
"""
