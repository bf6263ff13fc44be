"""Celery in a process that has loaded nothing: an app with one task."""

import os

from celery import Celery

app = Celery("bench", broker=os.environ["BENCH_URL"])


@app.task
def add(x, y):
    return x + y
