"""What closes a student process off before its first line of student code: layer after layer, each one tried.

layers      their names, and which of them are active here
process     no environment, no folder, no terminal, no new rights, no life without its parent
rlimits     memory, processor time, files, descriptors, no further process
user        under root: the user nobody
landlock    no file and no other process, by the kernel's Landlock
seccomp     no system call but those that computing needs
close       all of them in their order, each tried right after it was closed
probe       which of them work on this machine, found in forked processes
bubblewrap  namespaces around the whole warm process, where a layer is missing
"""
