"""The far side of the trust boundary: the only place where a student's code runs.

A process forked from `warm` for one submission. It is sent inputs, it answers each
frame of requests with one of replies, it holds nothing secret, and nothing here judges: this
package imports neither `judge` nor any reference.

language    what a program is compiled to, and what it may reach
program     a program, run statement by statement in one namespace
answer      a callable in it, found and called
shifts      what an answer evaluates at shifted inputs, as numerical differentiation does
opening     a program whose gradients are variables, as the statements in which they are made
tracker     labels that tell from which gradients a value comes
flat        such a program recorded, and replayed case by case
gradients   what the judge asks of it
serve       the process: requests in, replies out
"""
