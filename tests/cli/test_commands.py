"""`celeriac worker`, `call`, `result` and `queues` as a user types them, on each store."""

from __future__ import annotations

import json
import os
import signal
import uuid

import pytest

from celeriac.ids import hostname
from tests.cli.project import Project
from tests.cli.store import app_of, served

pytestmark = pytest.mark.slow


def test_call_work_result(project):
    with project.worker() as worker:
        task = project.prints("call", "proj.add", "-a", "[2, 3]")
        assert uuid.UUID(task).version == 4
        assert project.prints("result", task, "--timeout", "20") == "5"
        by_name = project.prints("call", "proj.add", "-k", '{"x": "be", "y": "at"}')
        assert project.prints("result", by_name, "--timeout", "20") == "beat"
        assert worker.stop() == 0


def test_result_of_a_failed_task_is_its_error_and_exit_code_one(project):
    with project.worker():
        task = project.prints("call", "proj.fail", "-a", '["so it goes"]')
        short = project.run("result", task, "--timeout", "20")
        assert (short.returncode, short.stdout, short.stderr) == (1, "", "ValueError: so it goes\n")
        long = project.run("result", task, "--traceback")
        assert (long.returncode, long.stderr) == (0, "")
        assert "Traceback (most recent call last)" in long.stdout
        assert "raise ValueError(text)" in long.stdout
        assert project.prints("result", task, "-t", "proj.fail", "--traceback") == long.stdout.strip()
        misnamed = project.run("result", task, "-t", "proj.nothing")
        assert (misnamed.returncode, misnamed.stdout) == (1, "")
        assert "proj.nothing" in misnamed.stderr
        assert "[C401]" in misnamed.stderr


def test_call_has_the_options_of_a_call(project, monkeypatch):
    monkeypatch.setenv("CELERIAC_ACCEPT_CONTENT", "json,msgpack")
    (project.folder / "routed.py").write_text(
        "from celeriac import Exchange, Queue\nfrom proj import app\n"
        "app.conf.task_queues = [Queue('aside', Exchange('news', 'direct'), routing_key='local'), Queue('celery')]\n"
    )
    options = ("--queue", "aside", "--serializer", "msgpack", "--expires", "3600")
    first = json.loads(project.prints("call", "proj.add", "-a", "[1, 1]", *options, "--json"))["id"]
    routed = project.run(
        "call", "proj.add", "-a", "[2, 2]", "--exchange", "news", "--routing-key", "local", app="routed"
    )
    by_key = routed.stdout.strip()
    with app_of(project) as app, served(app):
        project.prints("call", "proj.add", "-a", "[1, 1]", "--eta", "2131-01-01")
    peeked = json.loads(project.prints("queues", "peek", "aside", "--json"))
    assert [(task["id"], task["args"]) for task in peeked] == [(first, "[1, 1]"), (by_key, "[2, 2]")]
    (late,) = json.loads(project.prints("delayed", "list", "--json"))
    assert late["due"][:10] == "2131-01-01"
    gone = project.prints("call", "proj.add", "-a", "[3, 3]", "--expires", "2001-01-01")
    with project.worker("-Q", "celery"):
        done = project.run("result", gone, "--timeout", "20")
        assert (done.returncode, done.stderr.partition(":")[0]) == (1, "TaskRevokedError")


def test_result_that_is_not_there_names_the_state(project):
    task = project.prints("call", "proj.add", "-a", "[1, 1]")
    done = project.run("result", task)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "no result yet; state PENDING\n")


def test_queues_are_counted_for_people_and_for_programs(project):
    assert json.loads(project.prints("queues", "--json")) == []
    for _ in range(2):
        project.prints("call", "proj.add", "-a", "[1, 1]")
    project.prints("call", "proj.add", "-a", "[1, 1]", "-q", "other")
    rows = {row.pop("queue"): row for row in json.loads(project.prints("queues", "--json"))}
    assert all(0 <= row.pop("oldest") < 60 for row in rows.values())
    nothing = {"delayed": 0, "claimed": 0, "dead": 0, "paused": False, "failed": 0, "workers": 0}
    assert rows == {
        "celery": {"ready": 2, **nothing},
        "other": {"ready": 1, **nothing},
    }
    heading, *lines = project.prints("queues").splitlines()
    assert heading.split() == ["queue", "ready", "delayed", "claimed", "dead", "failed", "workers", "oldest"]
    assert [line.split()[:7] for line in lines] == [["celery", "2", *"00000"], ["other", "1", *"00000"]]
    with app_of(project) as app, served(app):
        app.queues.purge("celery", "other")
        rows = {row["queue"]: row for row in json.loads(project.prints("queues", "--json"))}
        assert (rows["celery"]["ready"], rows["celery"]["workers"]) == (0, 1)


def test_call_goes_to_the_queue_of_the_task_unless_another_is_named(project):
    project.prints("call", "proj.elsewhere")
    project.prints("call", "proj.elsewhere", "-q", "named")
    rows = json.loads(project.prints("queues", "--json"))
    assert [row["queue"] for row in rows] == ["aside", "named"]


def test_worker_serves_the_queues_it_is_given_and_no_other(project):
    with project.worker("-Q", "first, aside") as worker:
        assert worker.wait_for(" serves ").rstrip().endswith(f" serves first, aside on {shown(project)}")
        left = project.prints("call", "proj.add", "-a", "[1, 1]")
        taken = [
            project.prints("call", "proj.elsewhere"),
            project.prints("call", "proj.elsewhere", "-q", "first"),
        ]
        assert [project.prints("result", task, "--timeout", "20") for task in taken] == ["aside", "first"]
        assert project.run("result", left).stderr == "no result yet; state PENDING\n"
        assert worker.stop() == 0
    rows = {row["queue"]: row["ready"] for row in json.loads(project.prints("queues", "--json"))}
    assert rows["celery"] == 1


def shown(project):
    """The broker's URL as a worker prints it."""
    return project.broker if project.broker.startswith("redis") else f"sqlite:///{project.folder / 'tasks.db'}"


@pytest.mark.parametrize(
    ("option", "name"),
    [((), f"celery@{hostname()}"), (("-n", "one"), f"one@{hostname()}"), (("-n", "two@%h"), f"two@{hostname()}")],
)
def test_worker_has_the_name_it_is_given(project, option, name):
    with project.worker(*option):
        task = project.prints("call", "proj.whoami")
        assert project.prints("result", task, "--timeout", "20") == name


def test_delayed_call_is_counted_as_such_and_comes_later(project):
    with project.worker() as worker:
        worker.wait_for("; tasks:")
        warm = project.prints("call", "proj.add", "-a", "[1, 1]")
        assert project.prints("result", warm, "--timeout", "20") == "2"
        project.prints("call", "proj.add", "-a", "[1, 1]", "--countdown", "3600")
        soon = project.prints("call", "proj.add", "-a", "[1, 1]", "--countdown", "0.2")
        assert project.prints("result", soon, "--timeout", "20") == "2"
        (row,) = json.loads(project.prints("queues", "--json"))
        assert (row["ready"], row["delayed"]) == (0, 1)


@pytest.mark.parametrize("end", ["SIGTERM", "SIGINT to the group"])
def test_worker_that_is_told_to_end_finishes_what_runs_and_exits_with_zero(project, end):
    begun, until = project.folder / "begun", project.folder / "until"
    os.mkfifo(begun)
    os.mkfifo(until)
    with project.worker() as worker:
        task = project.prints("call", "proj.hold", "-a", json.dumps([str(begun), str(until)]))
        waiting = project.prints("call", "proj.add", "-a", "[1, 1]")
        assert begun.read_text() == "begun"
        if end == "SIGTERM":
            worker.send(signal.SIGTERM)
        else:
            worker.send_to_group(signal.SIGINT)
        until.write_text("held")
        assert worker.wait() == 0
        assert "Traceback" not in worker.said
        assert " stopped; " in worker.said
    assert project.prints("result", task) == "held"
    rows = json.loads(project.prints("queues", "--json"))
    assert sum(row["ready"] for row in rows) == (project.run("result", waiting).returncode == 1)
    assert all(row["claimed"] == 0 for row in rows)


def test_idle_worker_ends_at_once(project):
    with project.worker() as worker:
        worker.wait_for("; tasks:")
        assert worker.stop() == 0


def test_app_may_come_from_the_environment(project, monkeypatch):
    monkeypatch.setenv("CELERIAC_APP", "proj:app")
    done = project.run("queues", "--json", app=None)
    assert (done.returncode, done.stdout) == (0, "[]\n")


def test_worker_with_two_stores_in_one_process_is_refused(idle_project):
    source = idle_project.folder / "proj.py"
    source.write_text(source.read_text().replace('os.environ["BROKER"]', '"memory://"'))
    done = idle_project.run("worker")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "memory:// lives in one process" in line


def test_worker_waits_for_a_store_that_is_away_and_works_when_it_comes(redis_server, tmp_path):
    project = Project.make(tmp_path, redis_server.url)
    redis_server.kill()
    with project.worker() as worker:
        assert "Connection refused" in worker.wait_for("the store is not there yet")
        redis_server.start()
        task = project.prints("call", "proj.add", "-a", "[1, 1]")
        assert project.prints("result", task, "--timeout", "20") == "2"
        assert worker.stop() == 0
        assert "Traceback" not in worker.said


def test_worker_that_never_found_its_store_ends_when_told(cut_off_project):
    with cut_off_project.worker() as worker:
        worker.wait_for("the store is not there yet")
        assert worker.stop() == 0
        assert "Traceback" not in worker.said
