"""Results out to other systems: one small exporter a file, all over the same results.

    read      DIR of a class run -> results, and who each submission is
    canvas, moodle, nbgrader                 gradebooks, a row a student
    gradescope, github, junit, exercism      one submission's steps, as a host shows them
    archive, workflow                        what makes a host run the kit itself

Exporters turn data into text and write nothing; `grader/commands/export.py` does. Scores are the
kit's own: late penalties, drop rules and weights stay with the host.
"""
