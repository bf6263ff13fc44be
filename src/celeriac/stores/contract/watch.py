"""Who is dead: a pure watch over the heartbeats of peers.

Rules, each of them bought by an experiment:

* A peer is suspected only when its heartbeat has stood still over a whole lease *as seen by this watcher in an
  unbroken series of looks*. A store outage, or a freeze of the watcher, makes a gap; after a gap every
  watch begins again, so an outage never makes live workers look dead.
* Only the watcher's own monotonic clock is used, and only for the length of the series.
* Where the store or the kernel knows better (`Peer.dead`), it is believed at once.

The suspicion is no verdict: `Reap` compares the heartbeat again in the store before anything moves.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from celeriac.stores.contract.workers import Peer


@dataclass(slots=True)
class _Sighting:
    epoch: str
    heartbeat: int
    since: float


@dataclass(slots=True)
class Watch:
    """Observes peers look by look.

    `lease` is the length of a lease and `gap` the longest pause between two looks that still counts as
    unbroken, both in seconds.
    """

    lease: float
    gap: float
    _last: float | None = None
    _seen: dict[str, _Sighting] = field(default_factory=dict)

    def look(self, now: float, peers: tuple[Peer, ...], me: str) -> list[Peer]:
        """Take note of the peers as they are and name those to be reaped."""
        if self._last is not None and now - self._last > self.gap:
            self._seen.clear()
        self._last = now
        suspects, seen = [], {}
        for peer in peers:
            if peer.worker == me or peer.dead is False:
                continue
            known = self._seen.get(peer.worker)
            if known is None or (known.epoch, known.heartbeat) != (peer.epoch, peer.heartbeat):
                known = _Sighting(peer.epoch, peer.heartbeat, now)
            seen[peer.worker] = known
            if peer.dead or now - known.since >= self.lease:
                suspects.append(peer)
        self._seen = seen
        return suspects

    def interrupted(self) -> None:
        """Contact with the store was lost: begin every watch again."""
        self._seen.clear()
        self._last = None
