"""What a worker's user may do on a Redis server, found by trying, and what is done without what it may not. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from celeriac.exceptions import NotPermitted
from celeriac.stores.redis import layout, verbs
from celeriac.stores.redis.refusals import is_denied
from celeriac.stores.redis.scripts import script

Command = list[bytes]

_SCRATCH = tuple(f"celeriac:rights:{kind}".encode() for kind in ("text", "list", "hash", "set", "zset", "other"))
_DENIALS = ("can't run", "can't access", "nknown Redis command", "nknown command", "ACL failure", "NOPERM")
"""Other errors, those of a full or a read-only server, say nothing of rights."""


class Rights(NamedTuple):
    """What a session can count on."""

    channels: bool = True
    """It hears what is published, and others hear what it publishes."""
    blocking: bool = True
    """It may wait for a message of a list."""
    unblock: bool = True
    """One of its connections may end the wait of another one."""

    def sentences(self) -> tuple[str, ...]:
        """What is done without, for the log."""
        said = []
        if not self.channels:
            said.append(
                "this Redis user has no channels: new messages of other priorities, delayed ones, revocations and "
                "results are looked for every second instead of being told at once; "
                "grant +subscribe +unsubscribe +publish &celeriac:* &celery-task-*"
            )
        if not self.blocking:
            said.append("this Redis user may not BLMOVE: an idle worker looks for messages 5 times a second; grant it")
        elif not self.unblock:
            said.append(
                "this Redis user may not CLIENT UNBLOCK: an idle worker waits at Redis for 0.2 s at a time; "
                "grant +client|unblock"
            )
        return tuple(said)


def questions(place: verbs.Place) -> list[Command]:
    """The commands whose replies `read` takes."""
    nobodys = layout.result_key("celeriac-rights")
    arguments = [nobodys, layout.WAKE_CHANNEL, place.other_db, b"%d" % place.db]
    return [
        [b"CLIENT", b"UNBLOCK", b"0"],
        # Redis 6.2 takes a millisecond for no limit at all.
        place.prefix.of([b"BLMOVE", _SCRATCH[1], _SCRATCH[5], b"LEFT", b"RIGHT", b"0.01"]),
        place.prefix.of(script("rights").call(_SCRATCH, arguments)),
    ]


def read(unblock: Any, blocking: Any, refused: list[Any], user: str) -> Rights:
    """What the replies say; raises `NotPermitted` where too little is allowed."""
    channels, lacking = True, set[str]()
    for name, words in zip(refused[::2], refused[1::2], strict=True):
        text = words.decode(errors="replace") if isinstance(words, bytes) else str(words)
        if not any(mark in text for mark in _DENIALS):
            continue
        if name == b"PUBLISH":
            channels = False
        elif "key" in text or name == b"a result":
            lacking.add("keys")
        else:
            lacking.add(name.decode())
    if lacking:
        raise NotPermitted(_lacking(lacking, user))
    return Rights(channels, not is_denied(blocking), not is_denied(unblock))


def _lacking(names: set[str], user: str) -> str:
    commands = sorted(names - {"keys"})
    who = f"the Redis user {user or 'default'}"
    said = []
    if commands:
        grants = " ".join(f"+{name.lower()}" for name in commands)
        said.append(
            f"{who} may not run {', '.join(commands)} (no right, or renamed): ACL SETUSER {user or 'default'} {grants}"
        )
    if "keys" in names:
        said.append(
            f"{who} may not have all keys that are needed: ACL SETUSER {user or 'default'} ~celeriac* "
            "~celery-task-meta-* ~celery-taskset-meta-* and ~<queue>* for each queue, after the prefix if one is set"
        )
    return "; ".join(said)
