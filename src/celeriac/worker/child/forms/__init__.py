"""How a child runs what it is given: one file for each way."""
