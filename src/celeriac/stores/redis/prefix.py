"""A prefix in front of all keys: Celery's `global_keyprefix`. Pure.

Nothing else here knows of it: commands are written without, and get it on their way out; scripts are told of it by
`lua/prefix.lua`, which is put in front of them. Celery has one prefix for the broker's keys and another for those of
results (kombu.transport.redis, `GlobalKeyPrefixMixin`; celery.backends.base, `_add_global_keyprefix`).
"""

from __future__ import annotations

from functools import cache

from celeriac.stores.redis import layout
from celeriac.stores.redis.scripts import Script, by_digest, read, script

Command = list[bytes]

_RESULTS = (layout.RESULT_PREFIX.encode(), layout.GROUP_PREFIX.encode())
_KEYS_OF: dict[bytes, tuple[int, int | None]] = {
    **dict.fromkeys((b"GET", b"SET", b"HMGET", b"HSCAN", b"SMEMBERS", b"PUBLISH"), (1, 2)),
    **dict.fromkeys((b"MGET", b"EXISTS", b"UNLINK", b"SUBSCRIBE", b"UNSUBSCRIBE"), (1, None)),
    b"BLMOVE": (1, 3),
}
"""Where the keys and channels of a command are."""


class Prefix:
    """What keys begin with: `keys` those of queues and of ours, `results` those of results."""

    def __init__(self, keys: str = "", results: str = "") -> None:
        self.keys = keys.encode()
        # So does Celery, for results alone.
        self.results = f"{results}_".encode() if results and results[-1] not in ":_-." else results.encode()

    def __bool__(self) -> bool:
        return bool(self.keys or self.results)

    def of(self, command: Command) -> Command:
        """The same command about keys with the prefix."""
        if not self:
            return command
        if command[0] == b"EVALSHA":
            last = 3 + int(command[2])
            keys = [self.keys + key for key in command[3:last]]
            return [b"EVALSHA", _told(command[1], self.keys, self.results), command[2], *keys, *command[last:]]
        first, end = _KEYS_OF.get(command[0], (0, 0))
        return [*command[:first], *map(self.of_key, command[first:end]), *command[len(command[:end]) :]]

    def of_key(self, key: bytes) -> bytes:
        """The key with the prefix."""
        return (self.results if key.startswith(_RESULTS) else self.keys) + key

    def script(self, name: str) -> Script:
        """The script as it is called with this prefix."""
        plain = script(name)
        return by_digest()[_told(plain.digest, self.keys, self.results)] if self else plain


@cache
def _told(digest: bytes, keys: bytes, results: bytes) -> bytes:
    """The digest of the same script with the prefixes in front."""
    words = f"local KEY_PREFIX, RESULTS_PREFIX = {_quoted(keys)}, {_quoted(results)}\n".encode()
    made = Script.of(words + read("prefix").encode() + by_digest()[digest].text)
    by_digest()[made.digest] = made
    return made.digest


def _quoted(word: bytes) -> str:
    """A word of Lua; numbers because it may hold anything."""
    return "'" + "".join(f"\\{byte:03d}" for byte in word) + "'"
