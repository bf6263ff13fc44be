"""The core's end of a lane: hands messages over, takes them back, collects outcomes."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

from celeriac.worker.core.claim_table import Failure, HeldClaim
from celeriac.worker.core.pace import STUCK_SECONDS
from celeriac.worker.lane.frame import (
    PIECE_BYTES,
    Cancel,
    Frame,
    Knock,
    LargeOutcome,
    Splitter,
    Verdict,
    cut,
    decode_outcome,
)
from celeriac.worker.lane.lane import SPAN, Lane
from celeriac.worker.lane.outcome import WORD, Word, decode_word

Arrival = tuple[HeldClaim, float, int, bytes]
"""An outcome with the claim it belongs to: claim, seconds, kind, data."""

_AHEAD_MOST = 25
_AHEAD_SHARE = 4
_WINDOW_SECONDS = 0.1
_PATIENCE_MOST = 0.32
_SLOW_SECONDS = 0.4
"""A child that reads after less than this was not blocked, but had no CPU."""
_FIRST_SECONDS = 1.0
"""How long it may take until a child reads for the first time: it may have to be forked yet."""
OBEY_SECONDS = 0.5
"""How long a task that shares its child with others may take to end when it was told to."""


@dataclass(slots=True)
class Quota:
    """How many messages a child may still be given; its two ports share one."""

    left: int = 1 << 62


class Port:
    """One lane of one child, as the core sees it.

    `out` are the messages handed over and not heard of, by sequence number, oldest first. A port from
    which messages were taken back gets nothing new until its running task has ended: it could pile up
    messages that will never begin there. `width` is how many run side by side; a wide port is given some
    more to follow only while many end.
    """

    def __init__(
        self,
        lane: Lane,
        sock: socket.socket,
        loop: asyncio.AbstractEventLoop,
        width: int = 1,
        quota: Quota | None = None,
        *,
        attentive: bool | None = None,
    ) -> None:
        self.lane = lane
        self.width = width
        self.attentive = width > 1 if attentive is None else attentive
        """Whether the child reads at any time what it is told, and not only between two tasks."""
        self.quota = quota or Quota()
        self.ended = 0
        self.out: dict[int, HeldClaim] = {}
        self.cancelled: dict[int, str] = {}
        """Running messages that were told to end, and why."""
        self._deadlines: dict[int, float] = {}
        """Until when a message with a limit may run; 0 while it has not begun."""
        self._window = 0.0
        self._in_window = self._in_last_window = 0
        self.load = 0.0
        self.coming: list[HeldClaim] = []
        """Messages that the store is to mark first: then they are handed over."""
        self._sock = sock
        self._loop = loop
        self._next = 1
        self._unsent = bytearray()
        self._splitter = Splitter()
        self._large: list[LargeOutcome] = []
        self.words: list[Word] = []
        """What running tasks have said."""
        self._stuck_at = 0.0
        self._said = self._heard = 0
        self._heard_at = 0.0
        self._patience = STUCK_SECONDS
        self._knocked = 0.0
        self.relieved = False
        """Whether something was taken back since it was handed something: then it may end things without a word."""
        sock.setblocking(False)

    def room(self) -> int:
        """How many more messages the flags can tell apart."""
        return SPAN - 1 - self.given

    @property
    def given(self) -> int:
        """How many messages it has, or is about to get."""
        return len(self.out) + len(self.coming)

    def hand_over(self, items: list[HeldClaim]) -> None:
        """Give the child these messages, all of one queue."""
        self.relieved = False
        for first, part in self._numbered(items):
            for number, held in enumerate(part, first):
                self.out[number] = held
                if held.time_limit:
                    self._deadlines[number] = 0.0
            self._next = first + len(part)
            self.lane.post(first, len(part))
            self._say(Frame(first, part[0].queue, [held.raw for held in part]))

    def hand_over_verdict(self, held: HeldClaim, failure: Failure) -> None:
        """Let the child deal with a message that has failed elsewhere."""
        [(number, _)] = self._numbered([held])
        self.out[number] = held
        self._next = number + 1
        self.lane.post(number, 1)
        self._say(Verdict(number, held.queue, held.raw, failure.error, failure.reason, failure.dead))

    def cancel(self, number: int, reason: str, now: float) -> None:
        """Tell a message that runs beside others to end; `overdue` names it when it does not."""
        self.cancelled[number] = reason
        self._deadlines[number] = now
        self._say(Cancel(number, reason))

    def overdue(self, now: float, grace: float) -> list[int]:
        """The running messages whose limit is over, and that had so many seconds to obey."""
        found = []
        for number, deadline in list(self._deadlines.items()):
            held = self.out.get(number)
            if held is None:
                del self._deadlines[number]
                self.cancelled.pop(number, None)
            elif deadline:
                if now > deadline + grace:
                    found.append(number)
            elif self.lane.begun[number % SPAN]:
                self._deadlines[number] = (self.lane.since or now) + held.time_limit
        return found

    def _numbered(self, items: list[HeldClaim]) -> Iterator[tuple[int, list[HeldClaim]]]:
        """The messages with the number of the first, in runs that use no flag which is still in use.

        One coroutine may run for hours while thousands come and go beside it: its number is passed over
        each time the flags come round.
        """
        oldest = next(iter(self.out), self._next)
        if self._next + len(items) - oldest < SPAN:
            yield self._next, items
            return
        used = {number % SPAN for number in self.out}
        number, start = self._next, 0
        while start < len(items):
            while number % SPAN in used:
                number += 1
            end = start
            while end < len(items) and (number + end - start) % SPAN not in used:
                end += 1
            yield number, items[start:end]
            used.update((number + place) % SPAN for place in range(end - start))
            number, start = number + end - start, end

    def waits(self) -> bool:
        """Whether it has something that has not begun; what came last begins last."""
        return bool(self.out) and not self.lane.begun[next(reversed(self.out)) % SPAN]

    def deaf(self, now: float) -> bool:
        """Whether the child has not read for a while what it was told: it begins nothing then.

        An event loop that a plain call blocks, say. A child that was only slow is given more time from then on.
        """
        if not self.attentive:
            return False
        heard, silent = self.lane.heard, now - self._heard_at
        if heard != self._heard:
            if silent > self._patience:
                self._patience = min(2 * self._patience, _PATIENCE_MOST) if silent < _SLOW_SECONDS else STUCK_SECONDS
            elif silent <= STUCK_SECONDS:
                self._patience = max(STUCK_SECONDS, self._patience / 2)
            self._heard, self._heard_at, silent = heard, now, 0.0
        return heard < self._said and silent > (self._patience if heard else _FIRST_SECONDS)

    def knock(self, now: float) -> None:
        """See whether it reads, where it has said nothing for a while."""
        if self.lane.heard == self._said and now - max(self._knocked, self._heard_at) > STUCK_SECONDS:
            self._knocked = now
            self._say(Knock())

    def _say(self, message: Frame | Verdict | Cancel | Knock) -> None:
        if self.lane.heard == self._said:
            self._heard, self._heard_at = self._said, time.monotonic()
        self._said += 1
        self._write(cut(message))

    def _write(self, data: bytes) -> None:
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # the child is gone: its death is noticed elsewhere, and what it had returns
        if sent < len(data):
            self._unsent += data[sent:]
            self._loop.add_writer(self._sock.fileno(), self._write_more)

    def _write_more(self) -> None:
        try:
            sent = self._sock.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._unsent)
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._sock.fileno())

    def read(self) -> bool:
        """Take in outcomes that came through the socket; False when the child has closed it."""
        while True:
            try:
                data = self._sock.recv(PIECE_BYTES)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            self._large += [decode_outcome(piece) for piece in self._splitter.feed(data)]

    def collect(self) -> list[Arrival]:
        """All outcomes since the last time."""
        arrivals: list[Arrival] = []
        out = self.out
        for number, seconds, kind, data in self.lane.collect():
            if kind == WORD:
                self.words.append(decode_word(data))
                continue
            held = out.pop(number, None)
            if held is not None:
                arrivals.append((held, seconds, kind, data))
        for large in self._large:
            held = out.pop(large.number, None)
            if held is not None:
                arrivals.append((held, large.seconds, large.kind, large.data))
        self._large.clear()
        if arrivals:
            self.ended += len(arrivals)
            if self.width > 1:
                self._count(len(arrivals), time.monotonic())
        return arrivals

    def _count(self, ended: int, now: float) -> None:
        """Note how many end in a tenth of a second."""
        if now - self._window > _WINDOW_SECONDS:
            recent = now - self._window < 2 * _WINDOW_SECONDS
            self._in_last_window = self._in_window if recent else 0
            self._window, self._in_window = now, 0
        self._in_window += ended

    def ahead(self, now: float) -> int:
        """How many messages to have waiting in the child, so that one that ends is followed at once."""
        if now - self._window > 2 * _WINDOW_SECONDS:
            return 0
        return min(_AHEAD_MOST, max(self._in_window, self._in_last_window) // _AHEAD_SHARE)

    def running_for(self, now: float) -> float:
        """How long the task that runs there has been running; 0 when none does."""
        since = self.lane.since
        return now - since if since else 0.0

    def take_back(self) -> list[HeldClaim]:
        """Everything that has not begun."""
        numbers = self.lane.take_back(list(self.out))
        if numbers:
            self._stuck_at = self.lane.since
            self.relieved = self.attentive
            self.quota.left += len(numbers)
        return [self.out.pop(number) for number in numbers]

    def find(self, held: HeldClaim) -> int:
        """The number under which the child has it; -1 when it has not."""
        return next((number for number, item in self.out.items() if item is held), -1)

    def has_begun(self, number: int) -> bool:
        """Whether the child has begun an outstanding message, as far as it is known here."""
        return bool(self.lane.begun[number % SPAN])

    def stuck(self, now: float) -> bool:
        """Whether to give it nothing now: its task is long, or it was just relieved of what waited."""
        if self.attentive:
            return len(self.out) >= self.width + self.ahead(now) or self.deaf(now)
        since = self.lane.since
        if not since:
            return False
        return since == self._stuck_at or now - since > STUCK_SECONDS

    def begun(self) -> list[HeldClaim]:
        """After the child's death and a last `collect`: what it had begun and not ended."""
        flags = self.lane.begun
        return [held for number, held in self.out.items() if flags[number % SPAN]]

    def close(self) -> None:
        """Let the child go: it ends when it finds its socket closed."""
        for remove in (self._loop.remove_reader, self._loop.remove_writer):
            remove(self._sock.fileno())
        self._sock.close()

    def fileno(self) -> int:
        """For the event loop."""
        return self._sock.fileno()


def monotonic() -> float:
    """The clock that lanes are written with."""
    return time.monotonic()
