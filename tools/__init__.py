"""What the doors of the Makefile need: environments, servers, checks. Runs on the standard library alone."""
