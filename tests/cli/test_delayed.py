"""`celeriac delayed` as an operator types it; what each store does with it, the conformance suite says."""

from __future__ import annotations

import json
import time
from datetime import datetime

import pytest

from celeriac.calls.sender import Call
from celeriac.stores import contract as c
from tests.cli.project import Project
from tests.cli.store import app_of, served

pytestmark = pytest.mark.slow

USAGE, FAILED = 2, 1


@pytest.fixture
def project(tmp_path, redis_url):
    return Project.make(tmp_path, redis_url)


@pytest.fixture
def app(project):
    with app_of(project) as app, served(app):
        yield app


def printed(project, *arguments):
    return json.loads(project.prints("delayed", *arguments, "--json"))


def test_nothing_delayed_is_an_empty_list(project):
    assert project.prints("delayed", "list") == ""
    assert printed(project, "list") == []


def test_delayed_tasks_are_listed_the_next_one_first_and_chosen_by_filters(project, app):
    late = app.send_task("proj.add", (1, 1), countdown=7200, task_id="late")
    soon = app.send_task("proj.fail", ("x",), countdown=3600, task_id="soon")
    app.store.run(c.Enqueue((c.Message("torn", "other", b"{", delay=9_000_000),)))
    assert [row["id"] for row in printed(project, "list")] == [soon.id, late.id, "torn"]
    assert [line.split()[0] for line in project.prints("delayed", "list").splitlines()[1:]] == ["soon", "late", "torn"]
    for filters, found in [
        (("-n", "1"), ["soon"]),
        (("--task", "proj.add"), ["late"]),
        (("--queue", "other"), ["torn"]),
        (("--prefix", "so"), ["soon"]),
        (("--prefix", "x"), []),
    ]:
        assert [row["id"] for row in printed(project, "list", *filters)] == found, filters


def test_a_delayed_task_is_shown_with_its_arguments(project, app):
    app.send_task("proj.add", (1,), {"y": "ü"}, countdown=3600, task_id="one")
    shown = printed(project, "show", "one")
    assert (shown["task"], shown["queue"], shown["args"], shown["kwargs"]) == ("proj.add", "celery", [1], {"y": "ü"})
    assert 3500 < datetime.fromisoformat(shown["due"]).timestamp() - time.time() < 3700
    assert "proj.add" in project.prints("delayed", "show", "one")


def test_a_changed_task_runs_now_with_other_arguments(project):
    with project.worker() as worker, app_of(project) as app:
        worker.wait_for(" serves ")
        app.send_task("proj.add", (1, 1), countdown=3600, task_id="one")
        assert project.prints("delayed", "change", "one", "-a", "[20, 22]", "--countdown", "0.1") == "1 changed"
        assert project.prints("result", "one", "--timeout", "20") == "42"


def test_time_and_queue_can_be_changed(project, app):
    app.send_task("proj.add", (1, 1), countdown=3600, task_id="one")
    assert printed(project, "change", "one", "--eta", "2096-05-01T12:00:00+02:00", "--to", "other") == {"changed": 1}
    shown = printed(project, "show", "one")
    assert shown["queue"] == "other"
    wanted = datetime.fromisoformat("2096-05-01T10:00:00+00:00").timestamp()
    assert abs(datetime.fromisoformat(shown["due"]).timestamp() - wanted) < 5


def test_a_cancelled_task_ends_as_revoked(project, app):
    result = app.send_task("proj.add", (1, 1), countdown=3600)
    assert project.prints("delayed", "cancel", result.id) == "1 cancelled"
    assert result.state == "REVOKED"
    assert printed(project, "list") == []


def test_a_later_attempt_is_found_by_the_id_of_its_task(project, app):
    app.sender.send([Call(task="proj.add", task_id="one", retries=2, countdown=3600)])
    assert printed(project, "show", "one")["id"] == "one:2"
    assert printed(project, "cancel", "one") == {"cancelled": 1}
    assert app.AsyncResult("one").state == "REVOKED"


def test_all_that_match_are_cancelled(project, app):
    for number in range(3):
        app.send_task("proj.add", (number,), countdown=3600)
    app.send_task("proj.fail", countdown=3600, task_id="other")
    done = project.run("delayed", "cancel", "--all")
    assert done.returncode == USAGE
    assert "--yes" in done.stderr
    assert printed(project, "cancel", "--all", "--task", "proj.add", "--yes") == {"cancelled": 3}
    assert [row["id"] for row in printed(project, "list")] == ["other"]


def test_a_task_that_is_not_delayed_is_one_line_and_exit_code_one(project):
    for command in (("show", "nobody"), ("cancel", "nobody"), ("change", "nobody", "--countdown", "1h")):
        done = project.run("delayed", *command)
        assert (done.returncode, done.stdout) == (FAILED, "")
        assert done.stderr.startswith("no delayed task nobody")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("cancel",), "by id, or say --all"),
        (("change", "x"), "say what to change"),
        (("change", "x", "--countdown", "1h", "--eta", "2096-01-01"), "not both"),
        (("change", "x", "--eta", "tomorrow"), "no instant"),
        (("change", "x", "--countdown", "soon"), "no length of time"),
    ],
)
def test_wrong_use_says_what_is_wrong(idle_project, arguments, complaint):
    done = idle_project.run("delayed", *arguments)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert complaint in done.stderr
