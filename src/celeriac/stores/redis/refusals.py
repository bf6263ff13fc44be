"""What Redis refuses, read from its words, and what a person is told about it. Pure.

Sources: the texts of Redis 6.2 to 7.4 (server.c, acl.c, script_lua.c); inside scripts most do not name the command.
"""

from __future__ import annotations

import re
from typing import Any

import hiredis

from celeriac.exceptions import LeaseLost, NotPermitted, OperationalError, Refused, RequestTooLarge, StoreFull

_DENIED = r"permissions to run the '([^']+)' command"
_ABSENT = r"(?i)unknown (?:redis )?(?:sub)?command '?([\w|]+)?"
_IN_SCRIPTS = ("can't run this command", "Unknown Redis command called from")
_PASSING = ("LOADING", "BUSY ", "MASTERDOWN", "TRYAGAIN")
"""The server is there and will take the same command later; it did nothing of it."""
_LARGE = 1 << 20
_REFUSES_EVERYTHING = (
    *("OOM", "LOADING", "BUSY", "READONLY", "MISCONF", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN"),
    *("NOAUTH", "WRONGPASS", "STALE", "NOSCRIPT", "UNBLOCKED"),
)
"""What a server says that takes nothing now, whatever it is asked; or of the one who asks, or of an earlier session."""
_TOO_LONG = ("Protocol error: invalid bulk length", "string exceeds maximum allowed size")


def is_denied(reply: Any) -> bool:
    """Whether the reply says that this user may not do that, or that the server has no such command."""
    return isinstance(reply, hiredis.ReplyError) and _denial(str(reply)) is not None


def is_passing(reply: Any) -> bool:
    """Whether the reply says to come again: nothing was done."""
    return isinstance(reply, hiredis.ReplyError) and str(reply).startswith(_PASSING)


def is_too_long(reply: Any) -> bool:
    """Whether the reply says that a value is longer than the server takes."""
    return isinstance(reply, hiredis.ReplyError) and any(words in str(reply) for words in _TOO_LONG)


class HalfDone(OperationalError):
    """The server refused a part of a request, and then to take back what was done of it: nobody knows what stands."""


def refusal(text: str) -> LeaseLost | OperationalError:
    """The error for an error reply."""
    if text.startswith("LEASELOST"):
        return LeaseLost(text.partition(" ")[2])
    if text.startswith("HALFDONE "):
        return HalfDone(f"Redis refused a part of this, and the other part is done: {text.partition(' ')[2]}")
    if text.startswith("OOM "):
        return StoreFull("Redis is full: it has reached its maxmemory, and its maxmemory-policy lets it drop nothing")
    denial = _denial(text)
    if denial is not None:
        return NotPermitted(denial)
    kind = OperationalError if text.startswith(_REFUSES_EVERYTHING) else Refused
    return kind(f"Redis refused: {text}")


def too_large(command: list[bytes]) -> RequestTooLarge:
    """The error for a command with a value that is too long."""
    longest, whole = max(map(len, command)), sum(map(len, command))
    return RequestTooLarge(
        f"too large for this Redis: a value of {longest:,} bytes in a request of {whole:,}; "
        "its proto-max-bulk-len and client-query-buffer-limit say how much it takes"
    )


def size_note(command: list[bytes]) -> str:
    """What to add to an error of a broken connection: a whole request that is too long is cut off without a word."""
    whole = sum(map(len, command))
    if whole < _LARGE:
        return ""
    return f" (the request has {whole:,} bytes; more than its client-query-buffer-limit a Redis cuts off)"


def _denial(text: str) -> str | None:
    if text.startswith(("CROSSSLOT", "MOVED")) or "not allowed in cluster mode" in text:
        return "this Redis is a cluster, which is not supported yet: name a server that is none"
    if found := re.search(_DENIED, text):
        return f"Redis does not let this user run {found[1].upper()}: ACL SETUSER <user> +{found[1]}"
    if "access one of the keys" in text or "can't access at least one of the keys" in text:
        return (
            "Redis does not let this user have the keys it needs: ACL SETUSER <user> ~celeriac* ~celery-task-meta-* "
            "~celery-taskset-meta-* and ~<name of each queue>*, all after the prefix where one is set"
        )
    if "one of the channels" in text or ("channel" in text and "can't access" in text):
        return "Redis does not let this user have the channels it needs: ACL SETUSER <user> &celeriac:* &celery-task-*"
    if found := re.search(_ABSENT, text):
        return f"this Redis has no command {(found[1] or 'that is needed').upper()}: it was renamed or switched off"
    if any(words in text for words in _IN_SCRIPTS) or "ACL failure in script" in text:
        return (
            "Redis does not let this user run a command that scripts need; `celeriac worker` names it at its start: "
            "ACL SETUSER <user> +<command>"
        )
    return None
