"""Celeriac with plain tasks on threads."""

import time

from bench.marks import recorder
from bench.systems.surroundings import NAP_SECONDS, RESULTS, URL
from celeriac import Celeriac

app = Celeriac("bench", broker=URL)
record = recorder()


@app.task(ignore_result=not RESULTS)
def nap(number: int) -> int:
    record(number)
    time.sleep(NAP_SECONDS)
    return number


def send_many(task, count):
    nap.delay_many((number,) for number in range(count))
