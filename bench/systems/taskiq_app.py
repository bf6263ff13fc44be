"""taskiq: a list on Redis, coroutines on both sides, a hundred sent side by side where many are sent."""

import asyncio

from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

from bench.marks import recorder
from bench.systems.surroundings import NAP_SECONDS, RESULT_SECONDS, RESULTS, URL

_AT_ONCE = 100
_POLL_SECONDS = 0.001

broker = ListQueueBroker(URL)
if RESULTS:
    broker = broker.with_result_backend(RedisAsyncResultBackend(URL))
record = recorder()
_loop = asyncio.new_event_loop()


@broker.task
async def noop(number: int) -> int:
    record(number)
    return number


@broker.task
async def nap(number: int) -> int:
    record(number)
    await asyncio.sleep(NAP_SECONDS)
    return number


TASKS = {"noop": noop, "nap": nap}


def send(number):
    return _loop.run_until_complete(noop.kiq(number))


def send_each(count):
    async def each():
        for number in range(count):
            await noop.kiq(number)

    _loop.run_until_complete(each())


def send_many(task, count):
    call = TASKS[task].kiq

    async def many():
        for start in range(0, count, _AT_ONCE):
            await asyncio.gather(*(call(number) for number in range(start, min(start + _AT_ONCE, count))))

    _loop.run_until_complete(many())


def round_trip(number):
    async def there_and_back():
        sent = await noop.kiq(number)
        return (await sent.wait_result(check_interval=_POLL_SECONDS, timeout=RESULT_SECONDS)).return_value

    return _loop.run_until_complete(there_and_back())
