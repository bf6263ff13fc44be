"""The claims in this worker's hands: what is ready, what is out, what has ended and must be told. Pure.

A claim is in exactly one place: `ready` (not handed to a child), `starting` (a child gets it once the store has
marked it), `out` (a child has it), `ended` (its outcome waits to be sent), `sent` (told to the store, no reply yet),
`returns` or `deferrals` (to be given back), `refused` (sent, and not taken: sent again, alone). What is compared with
the store's own list has to have all of them. Only the store's reply ends a claim. When a reply is lost everything sent
is uncertain: it goes back to `ended`, and `reconcile` drops what the store says it has no more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from msgspec import Struct

from celeriac.stores.contract import Cause, Claim, Deferral, Outcome, Reconciled, Return
from celeriac.worker.lane.frame import UNKNOWN_TASK, TaskSpec


class Failure(Struct, frozen=True):
    """How a message ended without its child's word: an error, by its name in `celeriac.exceptions`.

    `dead`: a dead letter is left. `signal` and `memory` (bytes) are those of the child's death.
    """

    error: str
    reason: str
    dead: bool = True
    signal: str = ""
    memory: int = 0
    cause: Cause = Cause.CRASHED


class HeldClaim(Struct, eq=False):
    """A claim and what its headers say. `stale`: the lease it was claimed under is over.

    `once`: it may not run again. `suspect`: its child may die of it, so nothing may run beside it. `time_limit`
    is in seconds, 0 for none; `spec` is what is known of its task.
    """

    claim: str
    queue: str
    priority: int
    raw: bytes
    task_id: str
    name: str
    crashes: int = 0
    asynchronous: bool = False
    needs_start: bool = False
    once: bool = False
    tracked: bool = False
    stale: bool = False
    suspect: bool = False
    retries: int = 0
    time_limit: float = 0.0
    spec: TaskSpec = UNKNOWN_TASK
    failure: Failure | None = None
    """It has failed, and a child has it to run what its task has for that."""
    told: bool = False
    """Whether the log says that it has come."""


Item = Outcome | Return | Deferral
"""What the store is told of one claim that leaves this worker."""

LARGE_OUTCOME = 1 << 20
"""From so many bytes on, an outcome may be what broke the connection that it was sent over."""


class Refusal(Struct, eq=False):
    """What the store refused: how often, with which words (`broke`: with none), and when to try again."""

    item: Item
    reason: str
    tries: int = 1
    broke: bool = False
    again: float = 0.0


@dataclass(slots=True)
class ClaimTable:
    """All claims of one worker, lease after lease."""

    ready: deque[HeldClaim] = field(default_factory=deque)
    ready_async: deque[HeldClaim] = field(default_factory=deque)
    suspects: deque[HeldClaim] = field(default_factory=deque)
    failed: deque[HeldClaim] = field(default_factory=deque)
    """They have failed, and wait for a child to run what their task has for that."""
    starting: dict[str, HeldClaim] = field(default_factory=dict)
    """The store is to be told that they begin, and then their child is."""
    out: dict[str, HeldClaim] = field(default_factory=dict)
    ended: deque[Outcome] = field(default_factory=deque)
    sent: tuple[Outcome, ...] = ()
    returns: list[Return] = field(default_factory=list)
    deferrals: list[Deferral] = field(default_factory=list)
    refused: dict[str, Refusal] = field(default_factory=dict)
    lost: int = 0
    """Outcomes that the store refused because the claim was not held any more."""

    def add(self, held: HeldClaim) -> None:
        """A claim has come in."""
        self._line_of(held).append(held)

    def _line_of(self, held: HeldClaim) -> deque[HeldClaim]:
        if held.failure is not None:
            return self.failed
        if held.suspect:
            return self.suspects
        return self.ready_async if held.asynchronous else self.ready

    @property
    def waiting(self) -> bool:
        """Whether a claim waits for a child that begins it."""
        return bool(self.ready or self.ready_async or self.suspects)

    def fail(self, held: HeldClaim, failure: Failure) -> None:
        """A claim has failed without its child's word."""
        self.out.pop(held.claim, None)
        held.failure = failure
        if not held.stale:
            self.failed.append(held)

    def find(self, task_id: str) -> list[HeldClaim]:
        """The claims of a task: in a child, or waiting for one."""
        places = (self.ready, self.ready_async, self.suspects, self.out.values())
        return [held for place in places for held in place if held.task_id == task_id and not held.stale]

    def withdraw(self, held: HeldClaim) -> bool:
        """Take a claim out of those that wait for a child; False when it is not among them."""
        line = self._line_of(held)
        if held not in line:
            return False
        line.remove(held)
        return True

    def start(self, items: Iterable[HeldClaim]) -> None:
        """A child gets these as soon as the store has marked them."""
        for held in items:
            self.starting[held.claim] = held

    def hand_out(self, held: HeldClaim) -> None:
        """A child gets it."""
        self.starting.pop(held.claim, None)
        self.out[held.claim] = held

    def take_back(self, items: Iterable[HeldClaim]) -> None:
        """Children gave these back, unbegun, or never had them; they are the next to be handed out."""
        for held in reversed(list(items)):
            self._leave(held)
            if not held.stale:
                self._line_of(held).appendleft(held)

    def end(self, held: HeldClaim, outcome: Outcome) -> None:
        """A claim has ended as this. What was held under a lease that is over has no end that anybody wants."""
        self._leave(held)
        if held.stale:
            self.lost += 1
        else:
            self.ended.append(msgspec.structs.replace(outcome, claim=held.claim, result=outcome.result or None))

    def end_with_document(self, held: HeldClaim, document: bytes) -> None:
        """The usual end: a result and nothing else (hot: builds the outcome in one step)."""
        self.out.pop(held.claim, None)
        if held.stale:
            self.lost += 1
        else:
            self.ended.append(Outcome(held.claim, held.task_id, document or None))

    def _leave(self, held: HeldClaim) -> None:
        """No child has it any more, or gets it."""
        self.starting.pop(held.claim, None)
        self.out.pop(held.claim, None)

    def give_back(self, items: Iterable[HeldClaim], raw: bytes | None = None) -> None:
        """These claims are to return to the store, changed to `raw` where that is given."""
        for held in items:
            self._leave(held)
            if not held.stale:
                self.returns.append(Return(held.claim, raw))

    def give_back_ready(self) -> None:
        """All that no child has is to return to the store."""
        for line in (self.ready, self.ready_async, self.suspects):
            self.give_back(line)
            line.clear()

    def given_back(self, returns: int, deferrals: int) -> None:
        """The store has taken the first so many of each."""
        del self.returns[:returns]
        del self.deferrals[:deferrals]

    @property
    def empty(self) -> bool:
        """Whether nothing is held any more."""
        in_hand = self.waiting or self.failed or self.starting or self.out
        return not (in_hand or self.ended or self.sent or self.returns or self.deferrals or self.refused)

    def send(self, maximum: int, max_bytes: int) -> tuple[Outcome, ...]:
        """The outcomes for the next request; nothing is sent while a request is under way."""
        batch: list[Outcome] = []
        size = 0
        while self.ended and len(batch) < maximum and size < max_bytes:
            outcome = self.ended.popleft()
            size += len(outcome.result or b"")
            batch.append(outcome)
        self.sent = tuple(batch)
        return self.sent

    def settle(self, lost: tuple[str, ...]) -> None:
        """The store has answered."""
        self.lost += len(lost)
        self.sent = ()

    def unsettle(self) -> None:
        """The answer was lost: what was sent is uncertain. What may have broken the connection is sent alone."""
        large = [outcome for outcome in self.sent if _size(outcome) >= LARGE_OUTCOME]
        for outcome in large:
            self.refused[outcome.claim] = Refusal(outcome, "the connection broke while it was sent", broke=True)
        self.ended.extendleft(outcome for outcome in reversed(self.sent) if outcome not in large)
        self.sent = ()

    def refuse(self, item: Item, reason: str) -> None:
        """The store does not take this."""
        self.refused[item.claim] = Refusal(item, reason)

    def settle_one(self, item: Item) -> None:
        """The store has answered to this one, sent alone: it is done, or in `refused`."""
        self.sent = tuple([outcome for outcome in self.sent if outcome is not item])
        self.returns = [each for each in self.returns if each is not item]
        self.deferrals = [each for each in self.deferrals if each is not item]

    def known(self) -> tuple[str, ...]:
        """The ids of all claims that are believed to be held."""
        return (
            *(held.claim for held in self.ready),
            *(held.claim for held in self.ready_async),
            *(held.claim for held in self.suspects),
            *(held.claim for held in self.failed),
            *self.starting,
            *(held.claim for held in self.out.values() if not held.stale),
            *(outcome.claim for outcome in self.ended),
            *(item.claim for item in self.returns),
            *(item.claim for item in self.deferrals),
            *self.refused,
        )

    def reconcile(self, reply: Reconciled) -> tuple[Claim, ...]:
        """Forget what the store does not hold; returns the claims that it holds and we did not know of."""
        missing = set(reply.missing)
        if missing:
            self.ended = deque(outcome for outcome in self.ended if outcome.claim not in missing)
            self.ready = deque(held for held in self.ready if held.claim not in missing)
            self.ready_async = deque(held for held in self.ready_async if held.claim not in missing)
            self.suspects = deque(held for held in self.suspects if held.claim not in missing)
            self.failed = deque(held for held in self.failed if held.claim not in missing)
            for claim in missing & self.refused.keys():
                del self.refused[claim]
            for claim in missing & self.starting.keys():
                del self.starting[claim]
            for claim in missing & self.out.keys():
                self.out[claim].stale = True
        return reply.unknown

    def lease_lost(self) -> int:
        """The lease is over: nothing here is ours any more. Returns how many claims that were."""
        count = len(self.known())
        self.lost += len(self.ended) + len(self.sent)
        self.ready.clear()
        self.ready_async.clear()
        self.suspects.clear()
        self.failed.clear()
        self.starting.clear()
        self.ended.clear()
        self.returns.clear()
        self.deferrals.clear()
        self.refused.clear()
        self.sent = ()
        for held in self.out.values():
            held.stale = True
        return count


def _size(outcome: Outcome) -> int:
    """How many bytes it has, about."""
    slot = len(outcome.slot.value) if outcome.slot is not None else 0
    return len(outcome.result or b"") + slot + sum([len(message.raw) for message in outcome.successors])
