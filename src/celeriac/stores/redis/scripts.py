"""The Lua scripts, read once: text, digest, and the command that calls them."""

from __future__ import annotations

import hashlib
import os
import re
from functools import cache
from typing import NamedTuple

_FOLDER = os.path.join(os.path.dirname(__file__), "lua")
_INCLUDE = re.compile(r"^-- include: (\w+)$", re.MULTILINE)
_PLACE = re.compile(r"^-- script$", re.MULTILINE)


class Script(NamedTuple):
    """One script: Redis knows it by the SHA-1 of its text."""

    text: bytes
    digest: bytes

    @classmethod
    def of(cls, text: bytes) -> Script:
        """A script of this text."""
        return cls(text, hashlib.sha1(text, usedforsecurity=False).hexdigest().encode())

    def call(self, keys: tuple[bytes, ...] | list[bytes], arguments: list[bytes]) -> list[bytes]:
        """The command that runs it if Redis has it."""
        return [b"EVALSHA", self.digest, b"%d" % len(keys), *keys, *arguments]

    def spell_out(self, command: list[bytes]) -> list[bytes]:
        """The same call with the text itself, for a server that has not seen it (NOSCRIPT)."""
        return [b"EVAL", self.text, *command[2:]]


@cache
def script(name: str) -> Script:
    """The script of a file in `lua/`, its includes in place: it happens wholly or not at all (`atomic.lua`)."""
    body = _INCLUDE.sub(lambda match: read(match[1]), read(name))
    text = _PLACE.sub(lambda _: body, read("atomic"))
    return Script.of(text.encode())


@cache
def by_digest() -> dict[bytes, Script]:
    """All scripts by their digest."""
    return {script(name).digest: script(name) for name in names()}


@cache
def names() -> frozenset[str]:
    """What can be called: the files that are not there to be included."""
    files = frozenset(file.removesuffix(".lua") for file in os.listdir(_FOLDER) if file.endswith(".lua"))
    included = {name for file in files for name in _INCLUDE.findall(read(file))}
    return files - included - {"atomic", "prefix"}


def read(name: str) -> str:
    """The text of a file in `lua/`."""
    with open(os.path.join(_FOLDER, f"{name}.lua")) as file:
        return file.read()
