"""What a learning management system (LMS) hands out -> one tree of files, and what its names say.

identity    who a submission is of, as the system knows it
names       the names of downloads, and of files that were meant to have a lesson's name
metadata    Gradescope's submission_metadata.yml
tree        a folder as a tree of plain data; archives in it are folders
unpack      an archive -> the same tree, within caps; zipped and tarball read the two formats
workspace   the temporary folder of a run
"""
