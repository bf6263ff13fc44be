"""What somebody sees who starts a worker and says nothing of log levels: in a terminal, and where there is none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from celeriac import Celeriac
from celeriac.result import AsyncResult
from tests.cli.project import Project
from tests.cli.terminal import Terminal
from tests.guard import Guard
from tests.worker.ledger import wait_until
from tests.worker.scene import open_gate

pytestmark = pytest.mark.slow


@contextmanager
def terminal(project: Project, *options: str, first: tuple[str, ...] = ()) -> Iterator[Terminal]:
    """A worker in a terminal."""
    command, surroundings = project.spelled("proj", *first, "worker", "-c", "1", *options)
    with Terminal(command, columns=130, cwd=project.folder, env=surroundings) as opened:
        yield opened


Send = Callable[..., AsyncResult[Any]]


@pytest.fixture
def send() -> Iterator[Send]:
    """Sends a task of a project from here."""
    apps: list[Celeriac] = []

    def send(project: Project, task: str, *arguments: Any, **options: Any) -> AsyncResult[Any]:
        if not apps:
            apps.append(Celeriac("proj", broker=project.broker.replace(":///", f":///{project.folder}/")))
        return apps[0].send_task(f"proj.{task}", arguments, **options)

    yield send
    for app in apps:
        app.close()


def hold(project: Project, send: Send) -> tuple[str, Path]:
    """A task that has begun and waits; its id, and what it waits for."""
    gate = project.folder / "gate"
    os.mkfifo(gate)
    task = send(project, "hold", f"{gate}.begun", str(gate)).id
    wait_until(lambda: Path(f"{gate}.begun").exists(), 20, "begin of the task")
    return task, gate


def test_a_worker_says_what_it_is_what_it_waits_for_and_how_it_ended(project: Project, send: Send) -> None:
    with terminal(project) as screen:
        screen.wait_for("Ready in ", "Ctrl-C stops it", "More lines: -l INFO")
        for words in ("celeriac 0", "proj, celery@", "a power failure spares", "queues   celery", "prefork x 1"):
            assert screen.line(words), words
        assert "proj.add  proj.elsewhere" in screen.line("  tasks  ")
        task, gate = hold(project, send)
        screen.press("\x03")
        screen.wait_for(f"  Waiting for 1 task: proj.hold[{task[:8]}] for ")
        line = screen.line("Waiting for")
        assert line.startswith("  Waiting")
        assert line.endswith(" s. Ctrl-C again gives it back to the queue.")
        open_gate(gate)
        screen.wait_for("Stopped after ")
        assert screen.end() == 0
        assert "1 run of tasks." in screen.line("Stopped after ")


def test_a_second_ctrl_c_does_what_was_said(idle_project: Project, send: Send) -> None:
    with terminal(idle_project) as screen:
        screen.wait_for("Ready in ")
        task, _ = hold(idle_project, send)
        screen.press("\x03")
        screen.wait_for("Ctrl-C again gives it back")
        # One intention may come as several signals, within 0.3 s.
        screen.read(0.4)
        screen.press("\x03")
        screen.wait_for("1 task was cut off")
        assert screen.end() == 1
        assert idle_project.prints("explain", task).startswith("waiting in queue celery")


def test_colours_are_for_terminals_that_want_them(idle_project: Project, send: Send) -> None:
    with terminal(idle_project, "-l", "INFO") as screen:
        screen.wait_for("Ready in ")
        task = send(idle_project, "add", 1, 1).id
        screen.wait_for(f"{task}] succeeded in ")
        green = [line for line in bytes(screen.written).splitlines() if line.startswith(b"\x1b[32m[")]
        assert [b"] succeeded in " in line for line in green] == [True]
    with terminal(idle_project, "-l", "INFO", first=("--no-color",)) as screen:
        screen.wait_for("Ready in ")
        task = send(idle_project, "add", 1, 1).id
        screen.wait_for(f"{task}] succeeded in ")
        assert b"\x1b[" not in screen.written


def output(project: Project, send: Send, *arguments: str) -> tuple[str, str]:
    """What a worker says on both streams, from its start to an orderly end."""
    command, surroundings = project.spelled("proj", *arguments)
    with subprocess.Popen(
        command,
        cwd=project.folder,
        env=surroundings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as worker:
        guard = Guard(worker.pid)
        assert send(project, "add", 1, 1).get(timeout=20) == 2
        worker.send_signal(signal.SIGTERM)
        said = worker.communicate(timeout=20)
        guard.dismiss()
    return said


def test_where_there_is_no_terminal_it_is_plain_text_and_no_part_of_the_log(idle_project: Project, send: Send) -> None:
    shown, log = output(idle_project, send, "worker", "-c", "1")
    assert log == ""
    assert "SIGTERM stops it" in shown
    assert "  Stopping.\n  Stopped after" in shown
    assert "\x1b" not in shown
    assert "\r" not in shown


def test_quiet_workers_show_nothing(idle_project: Project, send: Send) -> None:
    assert output(idle_project, send, "--quiet", "worker", "-c", "1") == ("", "")


def test_what_reads_json_is_shown_nothing_else(idle_project: Project, send: Send) -> None:
    shown, log = output(idle_project, send, "worker", "-c", "1", "-l", "INFO", "--log-format", "json")
    assert shown == ""
    assert len([json.loads(line) for line in log.splitlines()]) > 3


def test_a_solo_worker_shows_the_same(idle_project: Project, send: Send) -> None:
    shown, _ = output(idle_project, send, "worker", "-P", "solo")
    assert "solo, one task at a time" in shown
    assert "Ready in " in shown
    assert "1 run of tasks" in shown


def test_a_queue_that_nobody_sends_to_is_noticed_when_others_wait(project: Project, send: Send) -> None:
    for name in ("celery", "emails"):
        send(project, "add", 1, 1, queue=name)
    with terminal(project, "-Q", "emials") as screen:
        screen.wait_for("nothing waits in emials", "did you mean")
        assert "emails for emials?" in "".join(screen.lines)


@pytest.mark.parametrize(
    ("closed", "pool"),
    [("1>&-", "prefork"), ("2>&-", "prefork"), ("0<&- 1>&- 2>&-", "prefork"), ("0<&- 1>&- 2>&-", "solo")],
)
def test_a_worker_runs_with_closed_standard_streams(idle_project: Project, closed: str, pool: str, send: Send) -> None:
    command, environment = idle_project.spelled("proj", "worker", "-c", "1", "-P", pool)
    worker = subprocess.Popen(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *command],
        cwd=idle_project.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    guard = Guard(worker.pid)
    assert send(idle_project, "whoami").get(timeout=20).startswith("celery@")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    guard.dismiss()


def limited(project: Project, files: int, children: int) -> list[str]:
    """The command of a worker that may open so many files."""
    command, _ = project.spelled("proj", "worker", "-c", str(children))
    return ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", *command]


def test_too_few_files_are_told_in_a_sentence(idle_project: Project) -> None:
    _, environment = idle_project.spelled("proj")
    done = subprocess.run(
        limited(idle_project, 40, 4),
        cwd=idle_project.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("celeriac: a worker with 4 children opens up to 50 files, and the system allows 40: ")
    assert len(done.stderr.splitlines()) == 1


def test_as_many_files_as_it_asks_for_are_enough(project: Project, send: Send) -> None:
    _, environment = project.spelled("proj")
    command = limited(project, 50, 4)
    with Terminal(command, columns=130, cwd=project.folder, env=environment) as screen:
        screen.wait_for("Ready in ")
        results = [send(project, "add", number, 1) for number in range(50)]
        assert [result.get(timeout=20) for result in results] == list(range(1, 51))
        screen.press("\x03")
        assert screen.end() == 0


def test_a_cold_stop_promises_no_wait(idle_project: Project, send: Send) -> None:
    with terminal(idle_project) as screen:
        screen.wait_for("Ready in ")
        hold(idle_project, send)
        screen.press("\x1c")
        assert screen.end() == 1
        assert not screen.line("Waiting for")
        assert screen.line("1 task was cut off")


def test_changed_code_is_read_at_a_terminal_and_a_terminal_that_goes_still_stops_the_worker(
    idle_project: Project,
) -> None:
    with terminal(idle_project, "--reload") as screen:
        screen.wait_for("Ready in ")
        with (idle_project.folder / "proj.py").open("a") as source:
            source.write("\n\n@app.task\ndef fresh():\n    return 1\n")
        screen.wait_for("proj.py changed: the code is read anew", "The new code is in use")
        assert screen.line("The new code").endswith("; new: proj.fresh")
        screen.process.send_signal(signal.SIGHUP)
        assert screen.end() == 0
        assert screen.line("Stopped after")
