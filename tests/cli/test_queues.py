"""`celeriac queues`, `purge`, `list`, `explain` and `result` as an operator types them."""

from __future__ import annotations

import json
import time

import pytest

from tests.cli.project import Project
from tests.cli.store import app_of

pytestmark = pytest.mark.slow

USAGE, FAILED, UNAVAILABLE = 2, 1, 69


def test_a_queue_is_paused_looked_into_and_emptied(project):
    with app_of(project) as app:
        ids = [app.send_task("proj.add", (number, 1)).id for number in range(3)]
    assert project.prints("queues", "pause", "celery") == "1 paused"
    assert project.prints("queues").splitlines()[1].endswith("paused")
    (row,) = json.loads(project.prints("queues", "--json"))
    assert (row["queue"], row["ready"], row["paused"]) == ("celery", 3, True)
    assert 0 <= row["oldest"] < 60
    shown = json.loads(project.prints("queues", "peek", "celery", "-n", "2", "--json"))
    assert [(each["id"], each["args"]) for each in shown] == [(ids[0], "(0, 1)"), (ids[1], "(1, 1)")]
    assert [line.split()[0] for line in project.prints("queues", "peek", "celery").splitlines()] == ids
    assert project.prints("explain", ids[1]).startswith("waiting in the paused queue celery, 1 message is")
    assert json.loads(project.prints("explain", ids[1], "--json"))["ahead"] == 1
    refused = project.run("queues", "purge", "celery")
    assert (refused.returncode, "Say --yes" in refused.stderr) == (USAGE, True)
    assert json.loads(project.prints("queues", "purge", "celery", "--yes", "--json")) == {"purged": 3}
    assert project.prints("purge", "-f") == "0 purged"
    assert project.prints("queues", "resume", "celery") == "1 resumed"
    gone = project.run("explain", ids[0])
    assert (gone.returncode, gone.stdout) == (FAILED, "unknown: no message, result or dead letter has this id\n")


def test_purge_with_celerys_flags(project):
    with app_of(project) as app:
        for queue in ("a", "b", "c"):
            app.send_task("proj.add", queue=queue)
    assert project.prints("purge", "-f", "-Q", "a,b", "-X", "b") == "1 purged"
    assert project.prints("purge", "--force", "-X", "c") == "1 purged"
    names = [row["queue"] for row in json.loads(project.prints("list", "bindings", "--json"))]
    assert "c" in names
    assert project.prints("list", "bindings").splitlines()[0].split() == ["Queue", "Exchange", "Routing", "Key"]


def test_bindings_are_those_that_are_declared(project):
    (project.folder / "routed.py").write_text(
        "from celeriac import Exchange, Queue\nfrom proj import app\n"
        "app.conf.task_queues = [Queue('mail', Exchange('news', 'topic'), routing_key='mail.#')]\n"
    )
    rows = json.loads(project.run("list", "bindings", "--json", app="routed").stdout)
    assert {"queue": "mail", "exchange": "news", "routing_key": "mail.#"} in rows


def test_a_result_as_json(project):
    with app_of(project) as app:
        result = app.send_task("proj.add", (1, 2))
        waiting = project.run("result", result.id, "--json")
        assert (waiting.returncode, json.loads(waiting.stdout)["state"]) == (FAILED, "PENDING")
        with project.worker() as worker:
            assert result.get(20) == 3
            worker.stop()
    assert json.loads(project.prints("result", result.id, "--json"))["result"] == 3
    assert project.prints("explain", result.id).startswith("finished at 2")


@pytest.mark.parametrize(
    "command",
    [
        "queues",
        "queues pause q",
        "queues resume q",
        "queues peek q",
        "purge -f",
        "list bindings",
        "explain x",
        "result x",
    ],
)
def test_a_broker_that_is_down_is_one_line_soon(cut_off_project: Project, command):
    began = time.monotonic()
    done = cut_off_project.run(*command.split())
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (UNAVAILABLE, "", 1)
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 10
