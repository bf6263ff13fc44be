"""The name of a worker, `name@host.domain`, and its parts as they may stand in file names."""

from __future__ import annotations

import re

from celeriac import ids


def worker_name(text: str) -> str:
    """The name that `-n` means: `name@host`, this host where it names none.

    In it `%h` is this host, `%n` what is before the first dot of that, `%d` what is behind. Raises `ValueError` for
    another letter.
    """
    host = ids.hostname()
    short, _, domain = host.partition(".")
    return _expanded(text if "@" in text else f"{text}@%h", {"h": host, "n": short, "d": domain, "%": "%"})


def expand(text: str, worker: str) -> str:
    """Put the parts of a worker's name into a text: `%p` all of it, `%n` what is before the @, `%h` what is
    behind, `%d` the domain in that, `%i` and `%I` what they are in Celery's main process (0 and nothing).

    Raises `ValueError` for another letter; `%%` is a percent sign.
    """
    name, _, host = worker.rpartition("@")
    name, host = (name, host) if name else (host, ids.hostname())
    parts = {"p": worker, "n": name, "h": host, "d": host.partition(".")[2], "i": "0", "I": "", "%": "%"}
    return _expanded(text, parts)


def _expanded(text: str, parts: dict[str, str]) -> str:
    def part(found: re.Match[str]) -> str:
        if found[1] not in parts:
            raise ValueError(f"{found[0]} in {text!r} means nothing")
        return parts[found[1]]

    return re.sub(r"%(.?)", part, text)
