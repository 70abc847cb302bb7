"""The flat form: gradients that are variables of a notebook or a script, found and made into functions.

flow       what one statement reads, binds anew and changes
sections   the statements of a program in the order they run, and the bodies of its training loops
renames    which of the lesson's tensors a student calls otherwise
attempts   each time a gradient is worked out, and which exercise that is for
backslice  the statements that one attempt needs, cut at the gradients and tensors that the kit gives
function   these as the text of a function, as if the student had written that
"""
