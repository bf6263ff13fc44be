"""The live view of `celeriac top`: what it shows and how keys change it is pure; the terminal is one file."""
