"""Celeriac with tasks that run at most once, as migrated settings say it: each is marked before it begins."""

from bench.marks import recorder
from bench.systems.surroundings import RESULTS, URL
from celeriac import Celeriac

app = Celeriac("bench", broker=URL)
app.conf.task_acks_late = False
record = recorder()


@app.task(ignore_result=not RESULTS)
def noop(number: int) -> int:
    record(number)
    return number


def send_many(task, count):
    noop.delay_many((number,) for number in range(count))
