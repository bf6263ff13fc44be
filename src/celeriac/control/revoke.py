"""Revoking: from the ids that a user names to a request."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from signal import Signals

from celeriac.clock import SYSTEM_CLOCK, Clock
from celeriac.exceptions import ImproperlyConfigured
from celeriac.message import document
from celeriac.stores.contract import Revocation, Revoke, Store

_AT_ONCE = 500


def revoke(
    store: Store, ids: Iterable[str], terminate: bool, signal: str | int | None, clock: Clock = SYSTEM_CLOCK
) -> tuple[str, ...]:
    """Revoke tasks by their ids; those that were delayed and have ended by it."""
    name, now = signal_name(signal), clock.now()
    revocations = (
        Revocation(id, store.format.put(document.write_revoked(id, "revoked", now)), terminate, name) for id in ids
    )
    ended: list[str] = []
    # A store does nothing else meanwhile, so that many are not one request.
    while some := tuple(islice(revocations, _AT_ONCE)):
        ended += store.run(Revoke(some)).tasks
    return tuple(ended)


def signal_name(signal: str | int | None) -> str:
    """A signal as `SIGTERM` from any of `"SIGTERM"`, `"term"`, 15 and `signal.SIGTERM`; None is SIGTERM."""
    if signal is None:
        return Signals.SIGTERM.name
    try:
        if isinstance(signal, int):
            return Signals(signal).name
        name = signal.upper()
        return Signals[name if name.startswith("SIG") else f"SIG{name}"].name
    except (KeyError, ValueError):
        raise ImproperlyConfigured(f"no signal is called {signal!r}") from None
