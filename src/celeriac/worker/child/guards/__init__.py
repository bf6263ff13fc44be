"""How a running task is ended from outside: one file for each kind of thing that runs tasks."""
