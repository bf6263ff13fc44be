"""One call: its options, its route, its message, and what a running task knows of it."""
