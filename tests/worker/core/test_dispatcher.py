"""What the dispatcher does with what children have, over real lanes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest

from celeriac.clock import SYSTEM_CLOCK
from celeriac.stores.contract import Reconciled
from celeriac.worker.child.door import Door
from celeriac.worker.core.claim_table import HeldClaim
from celeriac.worker.core.counters import Tasks
from celeriac.worker.core.dispatcher import Dispatcher
from celeriac.worker.core.distribute import Shares
from celeriac.worker.core.port import Port, monotonic
from celeriac.worker.core.supervisor import Child
from celeriac.worker.lane.lane import allocate
from celeriac.worker.options import Pool

SHARES = Shares(frame_bytes=1 << 18, has_sync=True, has_async=False)


def nothing() -> None:
    """Nobody listens."""


@contextlib.contextmanager
def running(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """As if called from this loop, which turns no further."""
    asyncio._set_running_loop(loop)
    try:
        yield
    finally:
        asyncio._set_running_loop(None)


@pytest.fixture
def dispatcher() -> Iterator[tuple[Dispatcher, Door]]:
    """With one child, and what that child has of its lane."""
    with contextlib.closing(asyncio.new_event_loop()) as loop, contextlib.ExitStack() as stack:
        stack.enter_context(running(loop))
        sync, beside = allocate(2)
        near, far = (stack.enter_context(end) for end in socket.socketpair())
        other = [stack.enter_context(end) for end in socket.socketpair()]
        one = Dispatcher("w", 0, Pool(), SHARES, SYSTEM_CLOCK, nothing, nothing, Tasks())
        one.children[0] = Child(0, Port(sync, near, loop), Port(beside, other[0], loop, 100), -1)
        one.lease_holds(monotonic() + 60)
        door = Door(sync, far, nothing)
        yield one, door


def begin(door: Door) -> list[bytes]:
    """What the child begins of what it has."""
    return [entry[2] for entry in iter(lambda: door.take(lambda number: None), None)]


def test_what_is_missing_at_the_store_is_begun_by_no_child(dispatcher: tuple[Dispatcher, Door]) -> None:
    one, door = dispatcher
    for name in ("mine", "another's"):
        one.admit(HeldClaim(name, "q", 0, name.encode(), name, "task"))
    one.hand_out()
    assert door.wait_for_frames()
    one.reconcile(Reconciled((), ("another's",)))
    assert begin(door) == []
    one.hand_out()
    assert door.wait_for_frames()
    assert begin(door) == [b"mine"]


def test_what_the_store_holds_stays_with_the_children(dispatcher: tuple[Dispatcher, Door]) -> None:
    one, door = dispatcher
    one.admit(HeldClaim("mine", "q", 0, b"mine", "mine", "task"))
    one.hand_out()
    one.reconcile(Reconciled((), ("ended long ago",)))
    assert door.wait_for_frames()
    assert begin(door) == [b"mine"]
