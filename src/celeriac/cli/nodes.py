"""Several workers on one command line, in Celery's notation: their names, and the options of each. Pure.

start 3 -c 4 -Q:1-2 images -Q data          celery1, celery2 and celery3
start web mail -c:web 10 --loglevel=INFO    web and mail
"""

from __future__ import annotations

import os
import signal
from collections.abc import Container
from dataclasses import dataclass, field

from celeriac.cli.global_options import URL_VARIABLES
from celeriac.worker.log.nodename import expand, worker_name

Options = dict[str, str | None]

BEFORE_COMMAND = frozenset(
    {"-A", "--app", "-b", "--broker", "--result-backend", "--loader", "--config", "--workdir"}
    | {"-C", "--no-color", "-q", "--quiet", "--skip-checks"}
)
"""Options that a worker's command line has before `worker`."""

_OURS = ("--prefix", "--suffix", "--range-prefix", "--hostname", "-n", "--append")
_PIDFILE, _LOGFILE = ("--pidfile",), ("--logfile", "-f")


@dataclass(frozen=True, eq=False)
class Node:
    """One worker: its full name, its options by their own names, and what follows `--`."""

    name: str
    options: Options
    rest: tuple[str, ...] = ()

    def expand(self, text: str) -> str:
        """The text with the parts of the name in it; what `%` means something else in stays as it is."""
        try:
            return expand(text, self.name)
        except ValueError:
            return text

    @property
    def pidfile(self) -> str:
        """Where its process id is."""
        return self._file(self._said(*_PIDFILE) or "/var/run/celery/%n.pid")

    @property
    def logfile(self) -> str:
        """Where it logs to."""
        return self._file(self._said(*_LOGFILE) or "/var/log/celery/%n%I.log")

    def _file(self, path: str) -> str:
        """Where the worker has it, which goes to its folder first."""
        folder = os.path.expanduser(self._said("--workdir") or "")
        return os.path.join(folder, os.path.expanduser(self.expand(path)))

    def _said(self, *names: str) -> str | None:
        return next((value for name in names if (value := self.options.get(name))), None)

    def variables(self) -> dict[str, str]:
        """What the environment says in place of options that may have passwords."""
        said = {name: self.expand(value) for name in URL_VARIABLES if (value := self.options.get(name))}
        return {variable: url for name, url in said.items() for variable in URL_VARIABLES[name]}

    def command(self, without: Container[str] = ()) -> list[str]:
        """What comes after `celeriac` to start it in the background, without some of its options."""
        before: list[str] = []
        after: list[str] = []
        for name, value in self.options.items():
            if name not in (*_PIDFILE, *_LOGFILE, "--executable") and name not in without:
                (before if name in BEFORE_COMMAND else after).extend(self._words(name, value))
        files = [f"--pidfile={self.pidfile}", f"--logfile={self.logfile}"]
        return [*before, "worker", "--detach", "-n", self.name, *files, *after, *self.rest]

    def _words(self, name: str, value: str | None) -> list[str]:
        if value is None:
            return [name]
        value = self.expand(value)
        return [f"{name}={value}"] if name.startswith("--") else [name, value]


@dataclass
class Line:
    """A command line as it is read: names, options for all, options for some, and what follows `--`."""

    names: list[str] = field(default_factory=list)
    options: Options = field(default_factory=dict)
    some: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Who, which option, its value."""
    rest: tuple[str, ...] = ()

    @classmethod
    def read(cls, words: list[str]) -> Line:
        """Names stand alone; `--name=value`; `-n value`; `:` in an option names those whom it is for."""
        line, at = cls(), 0
        while at < len(words):
            word = words[at]
            at += 1
            if word == "--":
                line.rest = tuple(words[at:])
                break
            if word.startswith("--"):
                name, equals, value = word.partition("=")
                line._add(name, value if equals else None)
            elif word.startswith("-"):
                takes = at < len(words) and not words[at].startswith("-")
                line._add(word, words[at] if takes else None)
                at += takes
            else:
                line.names.append(word)
        return line

    def _add(self, name: str, value: str | None) -> None:
        name, colon, who = name.partition(":")
        if colon:
            self.some.append((who, name, value))
        else:
            self.options[name] = value

    def take_signal(self, usual: signal.Signals) -> signal.Signals:
        """The signal that an option such as `-INT` or `-9` names; it is no option of the workers."""
        for name in list(self.options):
            number = _signal(name)
            if number is not None:
                del self.options[name]
                return number
        return usual

    def nodes(self, app: str | None = None) -> list[Node]:
        """The workers; `app` is theirs if they name none. Raises `ValueError` for one that is not there."""
        ours = {name: self.options.pop(name, None) for name in _OURS}
        shorts = self.names
        prefix = ours["--prefix"] or ""
        if len(shorts) == 1 and shorts[0].isdigit():
            shorts = [str(number) for number in range(1, int(shorts[0]) + 1)]
            prefix = ours["--range-prefix"] or "celery"
        host = ours["--suffix"] or ours["--hostname"] or ours["-n"] or "%h"
        names = [worker_name(short if "@" in short else f"{prefix}{short}@{host}") for short in shorts]
        each = [Options(self.options) for _ in names]
        for who, option, value in self.some:
            for index in _whom(who, shorts, names):
                each[index][option] = value
        rest = (*self.rest, *([ours["--append"]] if ours["--append"] else []))
        for options in each:
            if app is not None and not {"-A", "--app"} & options.keys():
                options["-A"] = app
        return [Node(name, options, rest) for name, options in zip(names, each, strict=True)]


def _whom(who: str, shorts: list[str], names: list[str]) -> list[int]:
    """The places of those that are meant: names, places from 1 on, and ranges of places, with commas between."""
    found: list[int] = []
    for part in who.split(","):
        first, dash, last = part.partition("-")
        if part in shorts:
            found.append(shorts.index(part))
        elif part in names:
            found.append(names.index(part))
        elif dash and first.isdigit() and last.isdigit():
            found += [place - 1 for place in range(max(1, int(first)), int(last) + 1) if place <= len(names)]
        elif part.isdigit() and 0 < int(part) <= len(names):
            found.append(int(part) - 1)
        else:
            raise ValueError(f"no worker {part!r} is among {', '.join(names) or 'none'}")
    return found


def _signal(option: str) -> signal.Signals | None:
    name = option.removeprefix("-").upper()
    try:
        return signal.Signals(int(name)) if name.isdigit() else signal.Signals[f"SIG{name.removeprefix('SIG')}"]
    except (KeyError, ValueError):
        return None
