"""The demo: analyse Python's standard library with a task a module, and lose a process on the way."""
