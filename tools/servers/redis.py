"""A Redis server of one's own, that can be frozen, killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.servers.port import free_port
from tools.servers.program import find

DATABASES = 512

START_SECONDS = 20.0
"""How long a server may take to answer, reading its log of appends included."""


_DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0")
"""Every write is on disk before it is answered, and the log of writes is never made anew: it can be read as a whole."""


class RedisServer:
    """One `redis-server` on 127.0.0.1, with a free port and a directory of its own.

    `durable` writes every change to disk before it is answered, so that a kill loses nothing that was
    answered; otherwise nothing is ever written. `options` are more of its command line. The server dies with
    the process that made it, however that one ends.
    """

    def __init__(self, directory: Path, *, durable: bool = False, options: Sequence[str] = ()) -> None:
        self.directory = directory
        self.durable = durable
        self.options = options
        self.port = 0
        self._program = find("redis-server")
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return self.database(0)

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        return self._running().pid

    def database(self, number: int) -> str:
        """The URL of one of its databases."""
        return f"redis://127.0.0.1:{self.port}/{number}"

    def start(self) -> None:
        """Start it, and return when it answers. After `kill` it comes back under the same port and data."""
        if self._process is not None:
            raise RuntimeError("the server is running")
        tries = 1 if self.port else 5
        for _ in range(tries):
            self.port = self.port if tries == 1 else free_port()
            if self._launch():
                return
        raise RuntimeError(f"redis-server did not start:\n{self._log().read_text(errors='replace')}")

    def flush(self, number: int) -> None:
        """Empty one database."""
        answer = self._ask(f"SELECT {number}", "FLUSHDB")
        if answer != b"+OK\r\n+OK\r\n":
            raise RuntimeError(f"redis-server refused to empty database {number}: {answer!r}")

    def freeze(self) -> None:
        """Stop it in the middle of whatever it does; connections stay open and nothing is answered."""
        pid = self._running().pid
        os.kill(pid, signal.SIGSTOP)
        os.waitid(os.P_PID, pid, os.WSTOPPED)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._running().pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it as a crash would, frozen or not; returns when it is gone."""
        process = self._running()
        process.kill()
        process.wait()
        self._process = None
        self._dismiss_guard()

    def close(self) -> None:
        """End it if it runs; closing again does nothing."""
        if self._process is not None:
            self.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _launch(self) -> bool:
        """Start the process and wait for its answer; False when it ended instead."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._log().open("wb") as log:
            # A session of its own keeps Ctrl-C from ending it before those who still need it.
            process = subprocess.Popen(self._command(), stdout=log, stderr=log, start_new_session=True)
        self._process = process
        self._guard = _guard(process.pid)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            if self._ask("PING") == b"+PONG\r\n" and self._is_ours():
                return True
            time.sleep(0.01)
        self.close()
        return False

    def _command(self) -> list[str]:
        command = [str(self._program), "--bind", "127.0.0.1", "--port", str(self.port)]
        command += ["--dir", str(self.directory), "--databases", str(DATABASES), "--save", ""]
        command += _DURABLE if self.durable else ()
        return [*command, *self.options]

    def _ask(self, *commands: str) -> bytes:
        """Send commands as lines, return their one-line answers; empty when nobody listens."""
        answers = b""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall("".join(f"{command}\r\n" for command in commands).encode())
                while answers.count(b"\r\n") < len(commands) and (part := connection.recv(4096)):
                    answers += part
        except OSError:
            return b""
        return answers

    def _is_ours(self) -> bool:
        """Whether it is this server that answers, and not another that was given the same port."""
        return os.fsencode(os.path.realpath(self.directory)) in self._ask("CONFIG GET dir")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process

    def _log(self) -> Path:
        return self.directory / "redis-server.log"

    def _dismiss_guard(self) -> None:
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None


def _guard(pid: int) -> subprocess.Popen[bytes]:
    """A shell that kills the process when this one is gone, by whatever end: its input closes then."""
    return subprocess.Popen(
        ["/bin/sh", "-c", 'read -r _; kill -9 "$1"', "guard", str(pid)],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
