"""The operating system as workers need it: signals, process files, cores, descriptors."""
