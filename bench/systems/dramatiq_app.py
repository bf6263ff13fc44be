"""dramatiq: eight threads a process, as it comes; with one thread it would mostly wait for its own polling."""

import time

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from bench.marks import recorder
from bench.systems.surroundings import NAP_SECONDS, RESULT_SECONDS, RESULTS, URL

broker = RedisBroker(url=URL)
if RESULTS:
    broker.add_middleware(Results(backend=RedisBackend(url=URL)))
dramatiq.set_broker(broker)
options = {"store_results": True} if RESULTS else {}
record = recorder()


@dramatiq.actor(**options)
def noop(number):
    record(number)
    return number


@dramatiq.actor(**options)
def nap(number):
    record(number)
    time.sleep(NAP_SECONDS)
    return number


TASKS = {"noop": noop, "nap": nap}


def send(number):
    return noop.send(number)


def send_each(count):
    for number in range(count):
        noop.send(number)


def send_many(task, count):
    call = TASKS[task].send
    for number in range(count):
        call(number)


def round_trip(number):
    return noop.send(number).get_result(block=True, timeout=int(RESULT_SECONDS * 1000))
