"""Which mistake explains a wrong answer: from the graph and the numbers, for any lesson.

Every candidate predicts what an answer with one mistake would return in a case. A mistake
is named only if its prediction fits the answer in every case; where none fits, nothing is
guessed, and `where` says which entries are off.

look        a wrong answer in one case, and what predictions are worked out from
ratios      what a constant means: n, 1/n, (n-1)/n, a number of a forward line
whole       zeros, the negative, a constant times the right answer, another tensor's gradient
paths       one path of the graph left out, doubled, negated, scaled
chain_rule  one factor of the chain rule wrong: another tensor, a forgotten factor, a wrong slope
axes        sums, transposes, orders, missing broadcasts
entries     what should reach some entries only; repeated indices
explain     all of them, in order
where       which entries are off, where nothing explains them
"""

from grader.judge.diagnosis.explain import diagnose
from grader.judge.diagnosis.look import Observation

__all__ = ["Observation", "diagnose"]
