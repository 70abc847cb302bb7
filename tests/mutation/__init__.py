"""The mutation proof: every solution step is changed mechanically, and no change may pass unless it is none.

    cases.py       random forward passes that no judge has drawn
    seeds.py       the right answers that are mutated: the solutions, and the other forms of seeds.toml
    scene.py       one answer taken apart: its expressions, what each of them is, how to put another in its place
    arithmetic.py, tensors.py, places.py    the operators, by what they change
    mutators.py    all operators, and the mutants they make
    equality.py    whether a mutant is its original, found by calling both
    truths.py      which mistakes a mutant's numbers show, whatever was changed
    judging.py     mutants through the real judge, and what came of them
    tables.py      the outcomes, printed
    run.py         `python -m tests.mutation.run`

An import reaches only files further up in this list, `run.py` all of them.
"""
