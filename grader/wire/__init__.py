"""The pipe between judge and student process: the trust boundary.

`messages` says what may cross it, `frames` how it is written down: JSON for the
words, safetensors for the numbers, both under caps, nothing that can carry code.
"""
