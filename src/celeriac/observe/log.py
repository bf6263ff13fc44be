"""Logs of workers, read back: ours as text or JSON, and Celery's. Pure.

A record is a line that begins with `[` and a date, or a JSON object; lines that are neither belong to the record
before them, as tracebacks do.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from msgspec import Struct

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_START = re.compile(r"^\[\d{4}-\d\d-\d\d [^\]]*\] ?")
_ABOUT = re.compile(r"^Task (?P<task>[^\[\]]+)\[(?P<id>[^\[\]]+)\] (?P<said>.*)", re.DOTALL)
_OLD_RECEIVED = re.compile(r"^Received task: (?P<task>[^\[\]]+)\[(?P<id>[^\[\]]+)\]")
_DISCARDED = re.compile(r"^Discarding revoked task: (?P<task>[^\[\]]+)\[(?P<id>[^\[\]]+)\]")


class Kind(StrEnum):
    """What a record says of a task; `OTHER` are all that are about none, and what a task itself logs."""

    RECEIVED = "received"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETRIED = "retried"
    IGNORED = "ignored"
    REVOKED = "revoked"
    OTHER = "other"


_SAID = (
    ("received", Kind.RECEIVED),
    ("succeeded", Kind.SUCCEEDED),
    ("retry", Kind.RETRIED),
    ("ignored", Kind.IGNORED),
    ("raised", Kind.FAILED),
    ("reject requeue=True", Kind.RETRIED),
    ("reject", Kind.FAILED),
    ("INTERNAL ERROR", Kind.FAILED),
)
_ENDS = frozenset({Kind.SUCCEEDED, Kind.FAILED, Kind.IGNORED, Kind.REVOKED})


class Record(Struct):
    """One record: what it says, the task it is about, its line as it was, and what followed it."""

    kind: Kind
    task: str
    id: str
    line: str
    more: str = ""


def read_log(lines: Iterable[str]) -> Iterator[Record]:
    """The records of a log, in their order. What comes before the first is dropped."""
    record: Record | None = None
    following: list[str] = []
    for line in lines:
        line = _COLOUR.sub("", line.rstrip("\r\n"))
        begun = _begin(line)
        if begun is None:
            following.append(line)
            continue
        if record is not None:
            yield _ended(record, following)
        record, following = begun, []
    if record is not None:
        yield _ended(record, following)


def _ended(record: Record, following: list[str]) -> Record:
    if following:
        record.more = "\n".join([record.more, *following] if record.more else following).rstrip()
    return record


def _begin(line: str) -> Record | None:
    """The record that a line begins."""
    if line.startswith("{"):
        return _begin_json(line)
    start = _START.match(line)
    return None if start is None else Record(*judge(line[start.end() :]), line)


def _begin_json(line: str) -> Record | None:
    try:
        fields: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    if "message" not in fields:
        return None
    kind, task, id = judge(str(fields["message"]))
    more = "\n".join(str(fields[name]) for name in ("exception", "stack") if fields.get(name))
    return Record(kind, task or fields.get("task_name", ""), id or fields.get("task_id", ""), line, more)


def judge(message: str) -> tuple[Kind, str, str]:
    """What a message says of which task: its name and its id."""
    about = _ABOUT.match(message)
    if about is not None:
        kind = next((kind for word, kind in _SAID if about["said"].startswith(word)), Kind.OTHER)
        return kind, about["task"], about["id"]
    for pattern, kind in ((_OLD_RECEIVED, Kind.RECEIVED), (_DISCARDED, Kind.REVOKED)):
        if found := pattern.match(message):
            return kind, found["task"], found["id"]
    return Kind.OTHER, "", ""


class Audit(Struct):
    """What became of the tasks in a log, by their ids."""

    tasks: dict[str, str] = {}
    ended: dict[str, Kind] = {}

    def note(self, record: Record) -> None:
        """Count a record in. Order means nothing: each process writes for itself, and a worker's core in batches."""
        if record.kind is Kind.RECEIVED or record.kind in _ENDS:
            self.tasks[record.id] = record.task
        if record.kind in _ENDS:
            self.ended[record.id] = record.kind

    @property
    def incomplete(self) -> list[str]:
        """The ids of tasks that came in and whose end is not in the log."""
        return [id for id in self.tasks if id not in self.ended]

    def figures(self) -> dict[str, Any]:
        """How many tasks there were, how they ended, and how many there were of each name, the most first."""
        ends = Counter(self.ended.values())
        return {
            "total": len(self.tasks),
            "completed": len(self.ended),
            **{kind.value: ends[kind] for kind in (Kind.SUCCEEDED, Kind.FAILED, Kind.IGNORED, Kind.REVOKED)},
            "incomplete": len(self.incomplete),
            "tasks": dict(Counter(self.tasks.values()).most_common()),
        }
