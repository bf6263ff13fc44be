"""The servers that tests, chaos and bench run against: where their programs come from, and how to run them."""
