"""One process that has imported torch once, and forks every other from itself.

Importing torch takes seconds, a fork milliseconds. The warm process never runs
autograd, never sees a seed, a submission or a reference, so what is forked from it
inherits nothing worth peeking at. It forks two kinds: judges, which are trusted, and
student processes, which are not.
"""
