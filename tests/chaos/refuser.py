"""What makes a Redis server refuse, and take again."""

from __future__ import annotations

import random

import redis

from tests.chaos.faults import Kind

_RIGHTS = ("hset", "set", "publish", "lpush", "rpush", "hdel", "rpop", "zadd", "@write", "evalsha")
_QUEUE, _ASIDE = "celery", "chaos:aside"


class Refuser:
    """One refusal of a kind. It asks as a user of its own: the one of all others loses a right."""

    def __init__(self, kind: Kind, port: int, chance: random.Random) -> None:
        self._kind = kind
        self._port = port
        self._right = chance.choice(_RIGHTS)
        with redis.Redis(port=port) as client:
            client.execute_command("ACL", "SETUSER", "chaos", "on", ">chaos", "~*", "&*", "+@all")

    def refuse(self) -> None:
        """From now on."""
        with redis.Redis(port=self._port, username="chaos", password="chaos") as client:
            if self._kind == Kind.REFUSE_MEMORY:
                client.config_set("maxmemory", "1")
            elif self._kind == Kind.REFUSE_RIGHTS:
                client.execute_command("ACL", "SETUSER", "default", f"-{self._right}")
            else:
                client.eval(
                    "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('RENAME', KEYS[1], KEYS[2]) end "
                    "redis.call('SET', KEYS[1], 'no list')",
                    *(2, _QUEUE, _ASIDE),
                )

    def allow(self) -> None:
        """No longer."""
        with redis.Redis(port=self._port, username="chaos", password="chaos") as client:
            if self._kind == Kind.REFUSE_MEMORY:
                client.config_set("maxmemory", "0")
            elif self._kind == Kind.REFUSE_RIGHTS:
                client.execute_command("ACL", "SETUSER", "default", "+@all")
            else:
                client.eval(
                    "redis.call('DEL', KEYS[1]) "
                    "if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('RENAME', KEYS[2], KEYS[1]) end",
                    *(2, _QUEUE, _ASIDE),
                )
