"""What only a test asks of a store: every final document ever written, and all that is left in it."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import hiredis
import redis

from celeriac.stores.contract import is_final
from celeriac.stores.redis.layout import RESULT_PREFIX
from tools.servers.redis import RedisServer


class Witness(Protocol):
    """Sees what happens in a store."""

    def finals(self) -> Counter[str]:
        """How many final documents were ever written, by task id."""

    def left_over(self) -> list[str]:
        """What is in the store besides results, once all workers have ended."""


class RedisWitness:
    """Reads the server's own log of appends: what was written before a kill of the server is in it, too."""

    _KEPT = re.compile(rb"celery-task-meta-.*|celeriac:sent:.*|celeriac:queues|celeriac:dead:counts")

    def __init__(self, server: RedisServer) -> None:
        self._server = server

    def finals(self) -> Counter[str]:
        """Each final document counts that stood when a script had ended; what was taken back within it did not."""
        found: Counter[str] = Counter()
        written: dict[bytes, bytes | None] = {}
        stands: dict[bytes, bytes | None] = {}
        within = False
        prefix = RESULT_PREFIX.encode()
        for command in self._commands():
            verb = command[0].upper()
            if verb in (b"SET", b"DEL", b"UNLINK"):
                keys = command[1:2] if verb == b"SET" else command[1:]
                written |= {key: command[2] if verb == b"SET" else None for key in keys if key.startswith(prefix)}
            within = verb == b"MULTI" or (within and verb != b"EXEC")
            if not within and written:
                for key, value in written.items():
                    if value is not None and value != stands.get(key) and is_final(value):
                        found[key.removeprefix(prefix).decode()] += 1
                stands |= written
                written = {}
        return found

    def _commands(self) -> Iterator[list[bytes]]:
        for path in sorted(self._server.directory.glob("**/*.aof*")):
            if path.name.endswith((".base.rdb", ".manifest")):
                continue
            reader = hiredis.Reader()
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    reader.feed(chunk)
                    while (command := reader.gets()) is not False:
                        yield command

    def left_over(self) -> list[str]:
        """All keys but those of results, of remembered ids, and of the names of queues."""
        with redis.Redis(port=self._server.port) as client:
            keys = sorted(key for key in client.scan_iter(count=1000) if not self._KEPT.fullmatch(key))
            found = [f"{key.decode(errors='replace')} ({client.type(key).decode()})" for key in keys]
            served = [field for field in client.hkeys("celeriac:queues") if field.startswith(b"served:")]
            return found + [field.decode() for field in served]


class SQLiteWitness:
    """Has the database write down each result, by a trigger."""

    _TABLES = ("ready", "delayed", "claim", "lease", "dead", "message")

    def __init__(self, path: Path) -> None:
        self._path = path
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE witness (task TEXT, document BLOB)")
            for event in ("INSERT", "UPDATE"):
                connection.execute(
                    f"CREATE TRIGGER witness_{event} AFTER {event} ON result BEGIN "
                    "INSERT INTO witness VALUES (new.task, new.document); END"
                )
        connection.close()

    def finals(self) -> Counter[str]:
        """Each row of a final document counts."""
        connection = sqlite3.connect(self._path)
        rows = connection.execute("SELECT task, document FROM witness").fetchall()
        connection.close()
        return Counter(task for task, document in rows if is_final(bytes(document)))

    def left_over(self) -> list[str]:
        """The tables that should be empty and are not."""
        connection = sqlite3.connect(self._path)
        counts = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in self._TABLES}
        connection.close()
        return [f"{count} rows in {table}" for table, count in counts.items() if count]
