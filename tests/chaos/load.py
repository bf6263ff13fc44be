"""The producer: keeps the queue full, and writes down what was accepted."""

from __future__ import annotations

import random
import threading
import time

from celeriac.calls.sender import Call
from celeriac.exceptions import OperationalError
from celeriac.message import document
from celeriac.stores import contract as c
from tests.worker.ledger import Kind
from tests.worker.scene import Scene

_AGAIN_SECONDS = 0.05


def is_noop(number: int, block: int) -> bool:
    """Whether the task of this number does nothing: the first four fifths of a block."""
    return number % block < block * 4 // 5


SENT = 1 << 31
"""From here on are the numbers of tasks that other tasks have sent."""


def may_run_once(number: int) -> bool:
    """Whether the task of this number may begin at most once."""
    return number < SENT and number % 7 == 3 and not sends(number)


def sends(number: int) -> bool:
    """Whether the task of this number sends others, and is interrupted in it."""
    return number % 100 == 99


def task_id(number: int) -> str:
    """The id of the task of this number; enqueuing it again must not make a second one."""
    return f"task-{number}"


class Load(threading.Thread):
    """Enqueues so many tasks, never more than a block ahead of the workers. `longest` is in seconds.

    In each block the no-ops come one after the other, so that they can travel in batches.
    """

    def __init__(
        self, scene: Scene, tasks: int, block: int, longest: float, seed: int, *, interrupts: bool = False
    ) -> None:
        super().__init__(daemon=True)
        self.results: dict[int, tuple[int, int]] = {}
        """What the tasks returned: number and pid; -1 for a failure."""
        self._scene = scene
        self._tasks = tasks
        self._block = block
        self._longest = longest
        self._interrupts = interrupts
        self._random = random.Random(seed)

    def run(self) -> None:
        """Each block is sent again until it is accepted, whatever became of it the times before."""
        for first in range(0, self._tasks, self._block):
            numbers = range(first, min(first + self._block, self._tasks))
            calls = [self._call(number) for number in numbers]
            while not self._accepted(calls):
                time.sleep(_AGAIN_SECONDS)
            for number in numbers:
                self._scene.ledger.note(Kind.ENQUEUED, number)
            while not self._wants_messages():
                time.sleep(_AGAIN_SECONDS)

    def _call(self, number: int) -> Call:
        if self._interrupts and sends(number):
            task = self._random.choice(("send_alarmed", "send_limited"))
            return Call(task=task, args=(number,), task_id=task_id(number))
        once = "_once" if may_run_once(number) else ""
        if is_noop(number, self._block):
            return Call(task="noop" + once, args=(number,), task_id=task_id(number))
        seconds = 0.1 + self._random.expovariate(5)
        if self._random.random() < 0.03:
            seconds = self._random.uniform(0.5, self._longest)
        return Call(task="nap" + once, args=(number, min(seconds, self._longest)), task_id=task_id(number))

    def _accepted(self, calls: list[Call]) -> bool:
        try:
            self._scene.app.sender.send(calls)
        except OperationalError:
            return False
        return True

    def _wants_messages(self) -> bool:
        try:
            return self._scene.waiting() < self._block
        except OperationalError:
            return False

    def done(self) -> bool:
        """Whether everything has been enqueued and has a final result."""
        if self.is_alive():
            return False
        numbers = self._numbers()
        missing = [number for number in numbers if number not in self.results]
        try:
            for first in range(0, len(missing), 500):
                self._read(missing[first : first + 500])
        except OperationalError:
            return False
        return len(self.results) == len(numbers)

    def stuck(self) -> list[str]:
        """What is known of the first tasks that have no result."""
        ids = [task_id(number) for number in self._numbers() if number not in self.results]
        store = self._scene.app.store
        counts = [str(row) for row in store.run(c.Stats(("celery",)))]
        return [f"{len(ids)} tasks", *counts, *(self._scene.app.AsyncResult(id).explain().sentence for id in ids[:20])]

    def _numbers(self) -> list[int]:
        records = self._scene.ledger.read()
        sent = [each.task for each in records if each.kind == Kind.ENQUEUED and each.task >= SENT]
        return [*range(self._tasks), *sent]

    def _read(self, numbers: list[int]) -> None:
        found = self._scene.app.store.run(c.ReadResults(tuple(task_id(number) for number in numbers)))
        for number, data in zip(numbers, found, strict=True):
            if data is not None and c.is_final(data):
                value = document.read(data).result
                self.results[number] = tuple(value) if isinstance(value, list) else (-1, 0)
