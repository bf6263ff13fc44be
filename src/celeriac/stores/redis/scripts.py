"""The Lua scripts, read once: text, digest, and the command that calls them."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).parent / "lua"
_INCLUDE = re.compile(r"^-- include: (\w+)$", re.MULTILINE)


class Script(NamedTuple):
    """One script: Redis knows it by the SHA-1 of its text."""

    text: bytes
    digest: bytes

    def call(self, keys: tuple[bytes, ...] | list[bytes], arguments: list[bytes]) -> list[bytes]:
        """The command that runs it if Redis has it."""
        return [b"EVALSHA", self.digest, b"%d" % len(keys), *keys, *arguments]

    def spell_out(self, command: list[bytes]) -> list[bytes]:
        """The same call with the text itself, for a server that has not seen it (NOSCRIPT)."""
        return [b"EVAL", self.text, *command[2:]]


@cache
def script(name: str) -> Script:
    """The script of a file in `lua/`, its includes in place."""
    text = (_FOLDER / f"{name}.lua").read_text()
    text = _INCLUDE.sub(lambda match: (_FOLDER / f"{match[1]}.lua").read_text(), text)
    return Script(text.encode(), hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().encode())


@cache
def by_digest() -> dict[bytes, Script]:
    """All scripts by their digest."""
    return {script(path.stem).digest: script(path.stem) for path in _FOLDER.glob("*.lua")}
