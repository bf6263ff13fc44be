"""Celery: prefork, everything else as it comes."""

import time

from celery import Celery, group

from bench.marks import recorder
from bench.systems.surroundings import NAP_SECONDS, RESULT_SECONDS, RESULTS, URL

app = Celery("bench", broker=URL, backend=URL if RESULTS else None)
app.conf.task_ignore_result = not RESULTS
record = recorder()


@app.task
def noop(number):
    record(number)
    return number


@app.task
def nap(number):
    record(number)
    time.sleep(NAP_SECONDS)
    return number


TASKS = {"noop": noop, "nap": nap}


def send(number):
    return noop.delay(number)


def send_each(count):
    for number in range(count):
        noop.delay(number)


def send_many(task, count):
    group(TASKS[task].s(number) for number in range(count)).apply_async()


def round_trip(number):
    return noop.delay(number).get(timeout=RESULT_SECONDS)
