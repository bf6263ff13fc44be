"""What Celeriac has to reach, each beside the others in the same run. The one place where these figures stand."""

from bench.table import Budget

BUDGETS = (
    Budget("run, results kept, 2 slots", "results", "celeriac", "rate", "at least", 30, "celery"),
    Budget("run, results ignored, 2 slots", "ignored", "celeriac", "rate", "at least", 40, "celery"),
    Budget("run, one task a hand-over", "results", "celeriac (one a frame)", "rate", "at least", 3, "celery"),
    Budget("run at most once", "results", "celeriac (at most once)", "rate", "at least", 0.85, "celeriac"),
    Budget("run on SQLite, results kept", "results", "celeriac (sqlite)", "rate", "at least", 12_000, unit="/s"),
    Budget("enqueue one by one", "each", "celeriac", "rate", "at least", 3, "celery"),
    Budget("enqueue in bulk", "many", "celeriac", "rate", "at least", 35, "celery"),
    Budget("delay to get, p50, idle", "get", "celeriac", "p50", "at most", 0.25, "celery"),
    Budget("enqueue to start, p50, idle", "start", "celeriac", "p50", "at most", 0.3, "celery"),
    Budget("100 waits of 50 ms, after the first wave", "waits", "celeriac", "rate", "at least", 0.97, "bare loop"),
    Budget("the same on threads", "waits", "celeriac (threads)", "rate", "at least", 0.97, "bare loop"),
    Budget("memory of a worker, one child", "footprint", "celeriac", "memory", "at most", 42, unit=" MB"),
    Budget("memory of a further child", "footprint", "celeriac", "further", "at most", 5, unit=" MB"),
    Budget("start-up, exec to first task", "footprint", "celeriac", "startup", "at most", 300, unit=" ms"),
    Budget("import of an app with one task", "startup", "celeriac", "imported", "at most", 0.25, "celery"),
    Budget("the command with --version", "startup", "celeriac", "version", "at most", 0.25, "celery"),
    Budget("first delay() of a cold process", "startup", "celeriac", "call", "at most", 0.35, "celery"),
    Budget("the same on SQLite", "startup", "celeriac (sqlite)", "call", "at most", 0.35, "celery"),
)
