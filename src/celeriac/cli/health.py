"""`celeriac health`: asks the workers of this machine how they are; imports no app and asks no store."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from typing import Any

import click

from celeriac.worker.core.runtime_directory import sockets
from celeriac.worker.log.nodename import worker_name

EXIT_UNWELL, EXIT_NOBODY = 1, 69
_ANSWER_BYTES = 1 << 16


@click.command()
@click.option("-n", "--hostname", help="Only the worker of this name.")
@click.option("--ready", is_flag=True, help="Whether it takes new work, instead of whether it lives.")
@click.option("-j", "--json", "as_json", is_flag=True, help="As JSON, a line for each worker.")
@click.option("-t", "--timeout", type=float, default=3.0, show_default=True, help="Seconds to wait for an answer.")
@click.pass_context
def health(context: click.Context, hostname: str | None, ready: bool, as_json: bool, timeout: float) -> None:
    """Ask the workers of this user and machine how they are: exit code 0 well, 1 not, 69 nobody answers.

    With -A only those of the app's project are asked: who else works on this machine does not matter.
    """
    name = hostname and worker_name(hostname)
    answers, silent = [], 0
    for worker, path in sockets(context.obj or None):
        if name and not name.startswith(worker):
            continue
        try:
            answer = _ask(path, "/ready" if ready else "/live", timeout)
        except ConnectionRefusedError:
            # Its worker was killed.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        except (OSError, ValueError):
            silent += 1
            click.echo(f"{worker}: no answer", err=True)
        else:
            if name in (None, answer["worker"]):
                answers.append(answer)
    for answer in answers:
        click.echo(json.dumps(answer) if as_json else _line(answer))
    if not answers:
        click.echo("celeriac: no worker answers here", err=True)
        sys.exit(EXIT_NOBODY)
    well = not silent and all(answer["ready" if ready else "live"] for answer in answers)
    sys.exit(0 if well else EXIT_UNWELL)


def _ask(path: str, what: str, seconds: float) -> dict[str, Any]:
    """What the worker at this socket says; raises `OSError` or `ValueError`."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        connection.connect(path)
        connection.sendall(f"GET {what} HTTP/1.0\r\n\r\n".encode())
        answer = b""
        while len(answer) < _ANSWER_BYTES and (part := connection.recv(_ANSWER_BYTES)):
            answer += part
    found: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


def _line(answer: dict[str, Any]) -> str:
    state = "ready" if answer["ready"] else f"{'live, ' if answer['live'] else ''}not ready: {answer['reason']}"
    return f"{answer['worker']}: {state}"
