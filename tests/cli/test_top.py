"""`celeriac top` and `status` beside real workers, in a real terminal, while workers and children are killed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from celeriac import Celeriac
from tests.cli.project import Project, RunningWorker
from tests.cli.store import app_of
from tests.cli.terminal import Terminal
from tests.worker.ledger import wait_until
from tools.servers.redis import RedisServer

pytestmark = pytest.mark.slow

UNAVAILABLE = 69
TASKS = """
app.conf.worker_crash_limit = 1
app.conf.worker_lease = 2


@app.task
def work(begun, until):
    Path(f"{begun}.{os.getpid()}").write_text("begun")
    Path(until).read_text()
"""


class Stage:
    """A project with tasks that run until a file may be read, and workers by name."""

    def __init__(self, project: Project, app: Celeriac) -> None:
        self.project = project
        self.app = app
        with (project.folder / "proj.py").open("a") as source:
            source.write(TASKS)
        self._workers: list[RunningWorker] = []

    def start(self, name: str, slots: int = 1) -> RunningWorker:
        """A worker that is ready."""
        worker = self.project.worker("-n", f"{name}@here", "-c", str(slots))
        self._workers.append(worker.__enter__())
        worker.wait_for("; tasks:")
        return worker

    def begin(self, name: str) -> tuple[str, int]:
        """Send a task that runs until `let_go`; its id and the process that runs it."""
        gate = self.project.folder / f"{name}.gate"
        os.mkfifo(gate)
        begun = self.project.folder / f"{name}.begun"
        id = self.app.send_task("proj.work", (str(begun), str(gate))).id
        return id, self.child_of(name)

    def child_of(self, name: str) -> int:
        """The process that has begun the task."""

        def found() -> list[Path]:
            return list(self.project.folder.glob(f"{name}.begun.*"))

        wait_until(lambda: bool(found()), 20, "beginning of the task")
        return int(found()[-1].suffix[1:])

    def let_go(self, name: str) -> None:
        """Let its task end."""
        (self.project.folder / f"{name}.gate").write_text("")

    def top(self) -> Terminal:
        """The command in a terminal."""
        return self.command("top", "-i", "0.2")

    def command(self, *arguments: str, term: str = "xterm-256color") -> Terminal:
        """Any command in a terminal."""
        command, environment = self.project.spelled("proj", *arguments)
        return Terminal(command, cwd=self.project.folder, env={**environment, "TERM": term})

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.__exit__(None, None, None)


@pytest.fixture
def stage(project: Project) -> Iterator[Stage]:
    with app_of(project) as app:
        stage = Stage(project, app)
        try:
            yield stage
        finally:
            stage.close()


def ready(terminal: Terminal, queue: str = "celery") -> int:
    """What the table of queues says is ready in one of them."""
    rows = [line.split() for line in terminal.lines[first_of(terminal, " queue ") + 1 :]]
    return next((int(row[1]) for row in rows if row[:1] == [queue]), 0)


def first_of(terminal: Terminal, head: str) -> int:
    return next((number for number, line in enumerate(terminal.lines) if head in line), 0)


def test_the_screen_shows_what_is_true_while_workers_and_children_are_killed(stage):
    dying = stage.start("dying")
    first, child = stage.begin("first")
    stage.start("living")
    second, _ = stage.begin("second")
    for number in range(30):
        stage.app.send_task("proj.add", (number, 1))
    with stage.top() as terminal:
        terminal.wait_for("dying", "living", f"runs proj.work {first} for", f"runs proj.work {second} for")
        terminal.wait_until(lambda: ready(terminal) == 30, "30 ready")
        os.kill(child, signal.SIGKILL)
        terminal.wait_until(lambda: "SIGKILL" in terminal.line(f"{first} "), "dead letter with its signal")
        terminal.wait_until(lambda: ready(terminal) == 0, "queue is empty")
        terminal.wait_until(lambda: terminal.line("dying").split()[3:4] == ["31"], "30 done, and one killed")
        terminal.wait_until(lambda: terminal.line("proj.add").split()[1:3] == ["30", "0"], "30 of the task are done")
        third, _ = stage.begin("third")
        terminal.wait_for(f"runs proj.work {third} for")
        dying.send_to_group(signal.SIGKILL)
        terminal.wait_without("dying")
        stage.let_go("second")
        terminal.wait_until(lambda: "runs" in terminal.line(third), "taken over by the one that lives")
        terminal.press("\x1b[B\r")
        terminal.wait_for(f"{third}:", "running on living")
        with stage.command("explain", third) as explained:
            assert explained.end() == 0
            assert "since" in explained.line("running on living")
        with stage.command("queues") as listed:
            assert listed.end() == 0
            assert listed.line("celery").split()[1:5] == ["0", "0", "1", "1"]
        with stage.command("dead", "list") as dead:
            assert dead.end() == 0
            assert "proj.work" in dead.line(first)
        stage.let_go("third")
        terminal.press("\x1b")
        terminal.wait_without(f"runs proj.work {third}")
        terminal.press("q")
        assert terminal.end() == 0
        assert terminal.is_clean()


def test_a_queue_is_paused_and_a_task_revoked_by_keys(stage):
    stage.start("one")
    id, _ = stage.begin("task")
    with stage.top() as terminal:
        terminal.wait_for(f"runs proj.work {id}", "celery")
        terminal.press("\tp")
        terminal.wait_for("celery is paused")
        assert [row.paused for row in stage.app.queues.list("celery")] == [True]
        terminal.wait_until(lambda: terminal.line("celery  ").endswith("paused"), "mark of the pause")
        terminal.press("p")
        terminal.wait_for("celery goes on")
        assert [row.paused for row in stage.app.queues.list("celery")] == [False]
        terminal.press("\x1b[Z\x1b[Bk")
        terminal.wait_for(f"Revoke {id}?")
        terminal.press("n")
        terminal.wait_for("nothing was revoked")
        terminal.press("kt")
        terminal.wait_for(f"{id} is revoked")
        terminal.wait_without("runs proj.work")
        assert stage.app.AsyncResult(id).state == "REVOKED"
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.end() == 128 + signal.SIGTERM
        assert terminal.is_clean()


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_it_survives_any_size_and_writes_only_what_changed(stage):
    with stage.top() as terminal:
        terminal.wait_for("0 workers", "queue", "dead letter")
        for columns, lines in ((30, 6), (5, 2), (200, 60)):
            terminal.resize(columns, lines)
            terminal.wait_until(lambda: terminal.lines[0].startswith("cele"), "title")
        terminal.wait_for("0 workers", "q quit")
        seen = len(terminal.written)
        title = terminal.lines[0]
        terminal.wait_until(lambda: terminal.lines[0] != title, "a later time")
        assert b"q quit" not in terminal.written[seen:]
        terminal.press("\x03")
        assert terminal.end() == 0
        assert terminal.is_clean()


@pytest.mark.parametrize(("go", "come"), [("kill", "start"), ("freeze", "thaw")])
def test_a_broker_that_goes_and_comes_back(redis_server: RedisServer, tmp_path, go, come):
    stage = Stage(Project.make(tmp_path, redis_server.url), Celeriac("proj", broker=redis_server.url))
    with stage.app, stage.top() as terminal:
        stage.app.send_task("proj.add", (1, 1))
        terminal.wait_until(lambda: ready(terminal) == 1, "1 ready")
        getattr(redis_server, go)()
        terminal.wait_for("no answer since", "celery")
        terminal.press("\t")
        terminal.wait_for("> queue", seconds=2)
        getattr(redis_server, come)()
        terminal.wait_without("no answer since")
        terminal.press("q")
        assert terminal.end() == 0


def test_one_frame_for_pipes(stage):
    stage.start("one", 2)
    id, _ = stage.begin("task")
    printed = stage.project.prints("top", "--once", "-i", "0.1")
    assert f"runs proj.work {id} for" in printed
    assert "1 worker, 2 slots, 1 task in hand" in printed
    seen = json.loads(stage.project.prints("top", "--json", "-i", "0.6"))
    (worker,) = seen["workers"]
    assert (worker["name"], worker["slots"], worker["held"], worker["alive"]) == ("one@here", 2, 1, True)
    assert [run["id"] for run in worker["runs"]] == [id]
    assert worker["rate"] == 0.0
    stage.let_go("task")


def test_status(stage):
    nobody = stage.project.run("status", "-t", "0.1")
    assert (nobody.returncode, nobody.stdout) == (UNAVAILABLE, "")
    stage.start("one", 2)
    id, _ = stage.begin("task")
    lines = stage.project.prints("status").splitlines()
    assert lines[0].startswith("->  one@here: OK  1 in hand, 2 slots")
    assert f"proj.work[{id}] for" in lines[1]
    assert lines[-1] == "1 node online."
    answer = json.loads(stage.project.prints("status", "--json", "-d", "one@here,other"))
    assert answer["one@here"]["ok"] == "pong"
    other = stage.project.run("status", "--json", "-t", "0.1", "-d", "other")
    assert (other.returncode, json.loads(other.stdout)) == (UNAVAILABLE, {})
    stage.let_go("task")


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_colours_only_where_they_are_wanted_and_no_screen_where_there_is_none(stage):
    stage.app.queues.pause("aside")
    for options, coloured in (((), True), (("-C",), False)):
        with stage.command(*options, "top", "-i", "0.2") as terminal:
            terminal.wait_for("aside", "q quit")
            assert (b"\x1b[1;31m" in terminal.written) is coloured
            terminal.press("q")
            assert terminal.end() == 0
    with stage.command("top", "-i", "0.2", term="dumb") as terminal:
        assert terminal.end() == 0
        assert b"\x1b" not in terminal.written
        assert terminal.line("aside").endswith("paused")
