"""What is going on, as data: read from a store, shown by whoever shows it."""
