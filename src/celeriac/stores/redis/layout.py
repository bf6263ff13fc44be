"""Where things live on Redis.

The ready queues are Celery's own lists, four a queue (kombu.transport.redis: priority steps 0, 3, 6, 9), so
that Celery workers, `LLEN`, exporters and autoscalers go on working. Everything else begins with
`celeriac:`. A waiting worker lets Redis move the next message from `<list>` to `celeriac:landing:<list>`,
which belongs to the queue and to no worker: whoever claims next looks there first, so a waiter that dies
in that moment takes nothing along.
"""

from __future__ import annotations

from functools import lru_cache

from celeriac.stores.contract import ADVANCE_QUEUE

STEPS = (0, 3, 6, 9)
SEPARATOR = "\x06\x16"
RESULT_PREFIX = "celery-task-meta-"
GROUP_PREFIX = "celery-taskset-meta-"
NO_RESULT = b"celeriac:no-result"
WAKE_CHANNEL = b"celeriac:wake"

LEASES = b"celeriac:leases"
HEARTBEATS = b"celeriac:beats"
WORKERS = b"celeriac:workers"
TOLD = b"celeriac:told"
SESSIONS = b"celeriac:floors"
"""The first claim number of each worker's session; under no name at all the revision of the revocations.

Under `PAUSED` the lists of all paused queues, each between two line feeds: no worker is called that.
"""
PAUSED = b"\npaused"
QUEUES = b"celeriac:queues"
DELAYED = b"celeriac:delayed"
DELAYED_MESSAGES = b"celeriac:delayed:messages"
DELAYED_COUNTS = b"celeriac:delayed:counts"
DELAYED_IDS = b"celeriac:delayed:ids"
REVOKED = b"celeriac:revoked"
REVOKED_ENDS = b"celeriac:revoked:ends"
REVOKED_ENTRIES = b"celeriac:revoked:entries"
DEAD = b"celeriac:dead"
DEAD_LETTERS = b"celeriac:dead:letters"
DEAD_COUNTS = b"celeriac:dead:counts"
FAILED = b"celeriac:failed"
"""`finish.lua` knows these three by their names."""
FAILED_LETTERS = b"celeriac:failed:letters"
FAILED_COUNTS = b"celeriac:failed:counts"
SENT = (b"celeriac:sent:0", b"celeriac:sent:1", b"celeriac:sent:now")


@lru_cache(maxsize=4096)
def list_key(queue: str, priority: int) -> bytes:
    """The list of a queue that holds messages of a priority."""
    step = max((step for step in STEPS if step <= priority), default=0)
    return (f"{queue}{SEPARATOR}{step}" if step else queue).encode()


@lru_cache(maxsize=4096)
def read_list_key(key: bytes) -> tuple[str, int]:
    """The queue and the priority of a list."""
    queue, _, step = key.decode().partition(SEPARATOR)
    return queue, int(step or 0)


@lru_cache(maxsize=256)
def sources(queues: tuple[str, ...]) -> tuple[bytes, ...]:
    """Where to claim from, in order, as pairs: a list to take from, and the list its messages count as."""
    keys: list[bytes] = [ADVANCE_LIST, ADVANCE_LIST]
    for queue in queues:
        for step in STEPS:
            key = list_key(queue, step)
            keys += (handoff_key(key), key, key, key)
    return tuple(keys)


def lists_of(queue: str) -> tuple[bytes, ...]:
    """All lists of a queue."""
    return tuple(list_key(queue, step) for step in STEPS)


def served_from(queue: str) -> tuple[bytes, ...]:
    """Where the messages of a queue lie, in the order in which they are served."""
    return tuple(place for key in lists_of(queue) for place in (handoff_key(key), key))


def handoff_key(key: bytes) -> bytes:
    """Where a waiter lets messages of a list land."""
    return b"celeriac:landing:" + key


def claims_key(worker: str) -> bytes:
    """The hash of what a worker holds."""
    return b"celeriac:claims:" + worker.encode()


def held_keys(worker: str) -> tuple[bytes, bytes]:
    """The same, and the set of the ids of those that have begun and may run only once; `finish.lua` knows its name."""
    return claims_key(worker), b"celeriac:started:" + worker.encode()


def result_key(task: str) -> bytes:
    """The document of a task, and the channel it is published on."""
    return (RESULT_PREFIX + task).encode() if task else b""


def group_key(group: str) -> bytes:
    """The document of a saved group."""
    return (GROUP_PREFIX + group).encode()


def shared_key(key: str) -> bytes:
    """Which call a key stands for."""
    return b"celeriac:shared:" + key.encode()


def chord_key(chord: str) -> bytes:
    """The hash of a chord's slots."""
    return b"celeriac:chord:" + chord.encode()


ADVANCE_LIST = list_key(ADVANCE_QUEUE, 0)
