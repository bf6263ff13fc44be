"""`celeriac failed` with a worker: what fails is kept, and runs again when somebody says so. Groups that list alone."""

from __future__ import annotations

import json

import pytest

from celeriac.calls.sender import Call
from tests.cli.store import app_of, bury, served

pytestmark = pytest.mark.slow


def test_a_failed_task_is_shown_grouped_and_run_again(project):
    with project.worker() as worker:
        first = project.prints("call", "proj.fail", "-a", '["so it goes"]')
        second = project.prints("call", "proj.add", "-a", '[1, "x"]')
        third = project.prints("call", "proj.add", "-a", '[2, "y"]')
        fine = project.prints("call", "proj.add", "-a", "[1, 2]")
        for id in (first, second, third, fine):
            project.run("result", id, "--timeout", "20")
        rows = json.loads(project.prints("failed", "--json"))
        assert {row["id"] for row in rows} == {first, second, third}
        often, once = json.loads(project.prints("failed", "--group", "--json"))
        assert (often["count"], often["task"], often["error"]) == (2, "proj.add", "TypeError")
        assert (once["count"], once["newest"]) == (1, first)
        shown = project.prints("failed", "show", second)
        for words in ("TypeError", "[1, 'x'] {}", "cause        failed", "in add"):
            assert words in shown
        assert "it can be run again: celeriac -A proj failed replay" in project.prints("explain", second)
        assert json.loads(project.prints("queues", "--json"))[0]["failed"] == 3

        assert project.prints("failed", "replay", second, "-a", "[40, 2]") == "1 replayed"
        assert project.prints("result", second, "--timeout", "20") == "42"
        assert project.run("failed", "replay", second).stderr.startswith(f"no failed task {second}")
        assert project.prints("failed", "replay", "--all", "--task", "proj.fail", "--yes") == "1 replayed"
        assert project.run("result", first, "--timeout", "20").returncode == 1
        assert {row["id"] for row in json.loads(project.prints("failed", "--json"))} == {first, third}
        assert project.prints("failed", "drop", "--all", "--yes") == "2 dropped"
        assert project.prints("dead") == ""
        assert worker.stop() == 0


@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_a_group_alone_lists(project):
    with app_of(project) as app, served(app):
        later = app.send_task("proj.add", (1, 2), countdown=3600).id
        (dead,) = bury(app, Call(task="proj.add", args=(1, 2)))
        (failed,) = bury(app, Call(task="proj.add", args=(1, 2)), failed=True)
        for group, id in (("delayed", later), ("dead", dead), ("failed", failed)):
            assert project.prints(group) == project.prints(group, "list")
            assert [row["id"] for row in json.loads(project.prints(group, "--json"))] == [id]
            assert "Commands:" in project.prints(group, "--help")
