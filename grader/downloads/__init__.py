"""What a host (a learning management system, a drive, a forge) hands out -> students and their files.

hosts       the table of hosts: how each says who handed in what
uploads     the names that hosts give to files, one function a host
students    a tree of files -> students: hosts' marks first, then one student a folder
identity    who a submission is of, as the host knows it
names       names of files that were meant to have a lesson's name
metadata    Gradescope's submission_metadata.yml
tree        a folder as a tree of plain data; archives in it are folders
unpack      an archive -> the same tree, within caps; zipped and tarball read the two formats
workspace   the temporary folder of a run
"""
