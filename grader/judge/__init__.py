"""The near side of the trust boundary: references, cases, comparison, verdict.

A process of this side never imports, unpickles or evaluates anything a student wrote.

draw        random sizes, inputs and gradients from (seed, exercise, callable, case, draw)
tape        one forward pass, statement by statement, with its vector-Jacobian products
reference   the right answer at cut points, and the scale that errors are measured by
situation   one case of one callable: what is injected, what is right
budget      how much time a step may use, and how much it has used
student     the student process: load, call, death
desk        what is asked of every answer, and what is right for it, worked out once for all submissions
glance      all numbers that came against all that are right; what is not right is looked at by the next
compare     one answer against one reference
diagnosis/  which mistake explains a wrong answer: predictions from graph and numbers
tags        the closed list of mistakes
verdict     all cases of one step -> its verdict
flat        what a recorded program answers whose gradients are variables
steps       one callable of a student -> the results of its steps
chain       the student's own chain, end to end
course      autograd's training run
training    the student's, which has to follow it
submission  all of it, for one submission
serve       the judge as a process
"""
