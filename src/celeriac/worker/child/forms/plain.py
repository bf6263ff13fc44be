"""Plain tasks, one at a time on the thread that calls this. Hot path: core -> here -> executor."""

from __future__ import annotations

import time

from celeriac.worker.child.door import LEASE_POLL, Door
from celeriac.worker.child.executor import Executor, Guard
from celeriac.worker.child.memory import Memory
from celeriac.worker.lane.lane import SPAN

monotonic = time.monotonic


def run_plain(door: Door, executor: Executor, guard: Guard, memory: Memory | None = None) -> None:
    """Run tasks one at a time until the core closes the socket."""
    lane, entries, execute = door.lane, door.entries, executor.execute
    acquire, taken, begun = lane.tokens.acquire, lane.taken, lane.begun
    token = False
    while True:
        while entries:
            if memory is not None and memory.over:
                break
            if monotonic() > lane.valid_until:
                time.sleep(LEASE_POLL)
                # Taken back meanwhile? Then the token is gone and the loop below ends.
            elif not token and not acquire(False):
                break
            else:
                number, queue, raw, verdict = entries.popleft()
                slot = number % SPAN
                token = bool(taken[slot])
                if token:
                    continue
                begun[slot] = 1
                lane.since = started = monotonic()
                judged = execute(raw, queue, guard) if verdict is None else executor.verdict(verdict)
                door.put(number, monotonic() - started, judged)
                lane.since = 0.0
                if memory is not None:
                    memory.look()
                if not entries:
                    door.notify()
        if entries:
            # What is left was taken back, so the outcome before it was the last: nobody has been told of it.
            door.notify()
        if not door.wait_for_frames():
            return
