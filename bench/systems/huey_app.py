"""huey: its results announced through a list, which is its fastest way to wait for one."""

import time

from huey import RedisHuey

from bench.marks import recorder
from bench.systems.surroundings import NAP_SECONDS, RESULT_SECONDS, RESULTS, URL, WAITED_FOR

huey = RedisHuey("bench", url=URL, results=RESULTS, notify_result=WAITED_FOR)
record = recorder()


@huey.task()
def noop(number):
    record(number)
    return number


@huey.task()
def nap(number):
    record(number)
    time.sleep(NAP_SECONDS)
    return number


TASKS = {"noop": noop, "nap": nap}


def send(number):
    return noop(number)


def send_each(count):
    for number in range(count):
        noop(number)


def send_many(task, count):
    call = TASKS[task]
    for number in range(count):
        call(number)


def round_trip(number):
    return noop(number).get(blocking=True, timeout=RESULT_SECONDS)
