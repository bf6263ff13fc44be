"""What the core and one executor of a child share: a page of flags, a ring of outcomes, two semaphores.

The protocol, as checked over all interleavings in `tests/worker/test_handover_model.py`:

* Every message handed over has a sequence number, and a *token* in `tokens`. The child takes a token, then
  looks at the next message: if its number is flagged as taken back it drops the message and keeps the
  token for the one behind, else it runs it. The core takes messages back by taking tokens first: as many
  as it gets, so many messages at the tail are certain not to have begun.
* The order in which the core acts is fixed. To hand over: clear flags, post tokens, send the frame. To take
  back: take tokens, set flags, and only then hand the messages to somebody else.
* Each shared byte and word has one writer. Words are stored through a cast memoryview: `struct.pack_into`
  zeroes the field first, and another process reads the zero.
* An outcome is complete before `complete` is posted, so that a reader never sees half of one, and what a
  child has put is still there when the child is not.
"""

from __future__ import annotations

import mmap
import os
import struct

from celeriac.worker.lane.semaphore import ROOM, Semaphore, semaphore_in

SIZE = 1 << 18
"""Room for some hundred outcomes. What is used goes round through all of it, so it is memory that every child has."""
SPAN = 2048
"""Sequence numbers that can be outstanding at once: a flag is reused after so many."""

_CONTROL = 8192
_RING = SIZE - _CONTROL
_WORDS = 512
_TOKENS = _WORDS
_COMPLETE = _TOKENS + ROOM
_TAKEN = 1024
_BEGUN = _TAKEN + SPAN
_RECORD = struct.Struct("<IQdB")
LARGEST = _RING // 4
"""Outcomes larger than this go through the socket."""

_SINCE, _VALID_UNTIL, _HEAD, _RETIRING, _HEARD = 0, 1, 2, 3, 4


def allocate(count: int, descriptor: int = -1) -> list[Lane]:
    """Lanes in memory shared with every process forked from here on; pages cost nothing until they are used.

    With a descriptor made by `new_memory` they are also shared with whoever attaches to that.
    """
    return _lanes_in(mmap.mmap(descriptor, count * SIZE), new=True, descriptor=descriptor)


def new_memory(count: int) -> int:
    """A descriptor of memory for so many lanes (memfd_create(2)), for processes that are not forked from here."""
    descriptor = os.memfd_create("celeriac-lanes")
    os.ftruncate(descriptor, count * SIZE)
    return descriptor


def attach(descriptor: int) -> list[Lane]:
    """The lanes that another process has allocated there."""
    return _lanes_in(mmap.mmap(descriptor, 0), new=False, descriptor=descriptor)


def _lanes_in(memory: mmap.mmap, *, new: bool, descriptor: int) -> list[Lane]:
    view = memoryview(memory)
    return [Lane(view[start : start + SIZE], new=new, memory=descriptor) for start in range(0, len(view), SIZE)]


class Lane:
    """One lane. The methods of the core and those of the child are marked as such."""

    def __init__(self, view: memoryview, *, new: bool = True, memory: int = -1) -> None:
        self.memory = memory
        """The descriptor of the memory that it lies in; below 0 only processes forked from here share it."""
        self.tokens: Semaphore = semaphore_in(view[_TOKENS : _TOKENS + ROOM], new=new)
        self.complete: Semaphore = semaphore_in(view[_COMPLETE : _COMPLETE + ROOM], new=new)
        self._view = view
        self._times = view[:_WORDS].cast("d")
        self._words = view[:_WORDS].cast("Q")
        self.taken = view[_TAKEN : _TAKEN + SPAN]
        self.begun = view[_BEGUN : _BEGUN + SPAN]
        self._ring = view[_CONTROL:]
        self._tail = 0
        self._head = 0

    # -- both -----------------------------------------------------------------

    @property
    def since(self) -> float:
        """When the running task began, on the monotonic clock; 0 when none runs."""
        return self._times[_SINCE]

    @since.setter
    def since(self, when: float) -> None:
        self._times[_SINCE] = when

    @property
    def valid_until(self) -> float:
        """The instant of the monotonic clock after which no task may begin: the lease may be over."""
        return self._times[_VALID_UNTIL]

    @valid_until.setter
    def valid_until(self, when: float) -> None:
        self._times[_VALID_UNTIL] = when

    @property
    def retiring(self) -> bool:
        """Whether the child begins nothing more and asks to be replaced; the child sets it."""
        return bool(self._words[_RETIRING])

    @retiring.setter
    def retiring(self, retiring: bool) -> None:
        self._words[_RETIRING] = retiring

    @property
    def heard(self) -> int:
        """How many pieces of what the core says the child has read; the child sets it."""
        return self._words[_HEARD]

    @heard.setter
    def heard(self, count: int) -> None:
        self._words[_HEARD] = count

    # -- the core -------------------------------------------------------------

    def reset(self) -> None:
        """Make the lane new for the next child; the old one must be dead and its outcomes collected."""
        for semaphore in (self.tokens, self.complete):
            while semaphore.acquire(False):
                pass
        valid = self.valid_until
        self._view[:_WORDS] = bytes(_WORDS)
        self._view[_TAKEN:_CONTROL] = bytes(_CONTROL - _TAKEN)
        self.valid_until = valid
        self._tail = self._head = 0

    def post(self, first: int, count: int) -> None:
        """Announce messages `first` to `first + count - 1`, before their frame is sent."""
        for number in range(first, first + count):
            slot = number % SPAN
            self.taken[slot] = 0
            self.begun[slot] = 0
        release = self.tokens.release
        for _ in range(count):
            release()

    def take_back(self, numbers: list[int]) -> list[int]:
        """Take back what has not begun of the outstanding `numbers` (ascending): a tail of them."""
        count, acquire = 0, self.tokens.acquire
        while count < len(numbers) and acquire(False):
            count += 1
        tail = numbers[len(numbers) - count :]
        for number in tail:
            self.taken[number % SPAN] = 1
        return tail

    def collect(self) -> list[tuple[int, float, int, bytes]]:
        """The outcomes put since the last time: number, seconds, kind, data."""
        found, acquire = [], self.complete.acquire
        while acquire(False):
            size, number, seconds, kind = _RECORD.unpack(self._read(_RECORD.size))
            found.append((number, seconds, kind, self._read(size)))
        if found:
            self._words[_HEAD] = self._head
        return found

    def _read(self, size: int) -> bytes:
        start = self._head % _RING
        self._head += size
        if start + size <= _RING:
            return bytes(self._ring[start : start + size])
        return bytes(self._ring[start:]) + bytes(self._ring[: start + size - _RING])

    # -- the child ------------------------------------------------------------

    def put(self, number: int, seconds: float, kind: int, data: bytes) -> bool:
        """Put an outcome into the ring; False when there is no room now."""
        size = _RECORD.size + len(data)
        if size > _RING - (self._tail - self._words[_HEAD]):
            return False
        record = _RECORD.pack(len(data), number, seconds, kind) + data
        start = self._tail % _RING
        if start + size <= _RING:
            self._ring[start : start + size] = record
        else:
            cut = _RING - start
            self._ring[start:] = record[:cut]
            self._ring[: size - cut] = record[cut:]
        self._tail += size
        self.complete.release()
        return True
