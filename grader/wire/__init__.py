"""The pipe between judge and student process: the trust boundary.

`messages` says what may cross it, `frames` and `block` how it is written down: JSON for the
words, plain bytes for the numbers, both under caps, nothing that can carry code; `line` how it is sent.
"""
