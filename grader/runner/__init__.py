"""The far side of the trust boundary: the only place where a student's code runs.

A process forked from `warm` for one submission. It is sent inputs, it answers each
frame of requests with one of replies, it holds nothing secret, and nothing here judges: this
package imports neither `judge` nor any reference.
"""
