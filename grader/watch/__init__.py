"""`grader watch`: every save is judged, and the screen follows.

events      what can happen: a key, a save, a verdict
keyboard    keys -> events, in a thread
files       saves -> events, in a thread that looks at the files again and again
judging     questions -> verdicts as events, in a thread: no student code can hold up the keys
session     what is on the screen, as data: every event makes the next one
picture     the session, drawn
lines       what is new in it, in lines, where nothing can be drawn
reset       one step put back to its stub, with a backup
loop        takes events one by one until q
"""
