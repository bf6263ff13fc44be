"""One module for each system: its app, its two tasks, and how it sends.

Each runs in that system's own environment, as the app of its worker and inside `bench.producer`, and offers
`TASKS` (`noop`, `nap`), `send`, `send_each`, `send_many` and `round_trip`. What is configured differs from
the system's defaults only where its documentation offers a faster way to do the same.
"""
