"""Celeriac, as it comes."""

import asyncio
import sys

from bench.marks import recorder
from bench.systems.surroundings import NAP_SECONDS, RESULT_SECONDS, RESULTS, URL
from celeriac import Celeriac
from celeriac.stores.contract import Durability

app = Celeriac("bench", broker=URL)
record = recorder()


@app.task(ignore_result=not RESULTS)
def noop(number: int) -> int:
    record(number)
    return number


@app.task(ignore_result=not RESULTS)
async def nap(number: int) -> int:
    record(number)
    await asyncio.sleep(NAP_SECONDS)
    return number


TASKS = {"noop": noop, "nap": nap}


def send(number):
    return noop.delay(number)


def send_each(count):
    for number in range(count):
        noop.delay(number)


def send_many(task, count):
    if URL.startswith("sqlite:") and app.store.durability() is not Durability.COMMIT:
        sys.exit("this SQLite loses what it has accepted when power fails: its figures would mean nothing")
    TASKS[task].delay_many((number,) for number in range(count))


def round_trip(number):
    return noop.delay(number).get(timeout=RESULT_SECONDS)
