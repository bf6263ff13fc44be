"""`celeriac dead` as an operator types it; what each store does with it, the conformance suite says."""

from __future__ import annotations

import json

import pytest

from celeriac.calls.sender import Call
from celeriac.message import edit
from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import Hand
from tests.cli.project import Project
from tests.cli.store import app_of, bury

pytestmark = pytest.mark.slow

USAGE, FAILED = 2, 1
CRASH = {"cause": c.Cause.CRASHED, "signal": "SIGSEGV", "error": "WorkerLostError", "worker": "w1", "memory": 1 << 30}
ERROR = {"cause": c.Cause.FAILED, "error": "ValueError", "place": "proj.py:7 in add", "reason": "failed: ValueError"}


@pytest.fixture
def project(tmp_path):
    return Project.make(tmp_path, "sqlite:///tasks.db")


@pytest.fixture
def app(project):
    with app_of(project) as app:
        yield app


def printed(project, *arguments):
    return json.loads(project.prints("dead", *arguments, "--json"))


def test_nobody_dead_is_an_empty_list(project):
    assert project.prints("dead", "list") == ""
    assert printed(project, "list") == []
    assert printed(project, "export") == []


def test_letters_are_listed_newest_first_and_chosen_by_filters(project, app):
    first, second = bury(app, Call(task="proj.add", args=(1,)), Call(task="proj.add", args=(2,)), **ERROR)
    (third,) = bury(app, Call(task="proj.fail"), **CRASH)
    assert [row["id"] for row in printed(project, "list")] == [third, second, first]
    heading, *lines = project.prints("dead", "list").splitlines()
    assert heading.split()[0] == "id"
    assert [line.split()[0] for line in lines] == [third, second, first]
    for filters, found in [
        (("-n", "1"), [third]),
        (("--task", "proj.add"), [second, first]),
        (("--cause", "crashed"), [third]),
        (("--queue", "other"), []),
        (("--newer", "1h"), [third, second, first]),
        (("--older", "1h"), []),
        (("--task", "proj.add", "--cause", "crashed"), []),
    ]:
        assert [row["id"] for row in printed(project, "list", *filters)] == found, filters


def test_letters_of_one_error_are_a_group(project, app):
    ids = bury(app, *(Call(task="proj.add", args=(number,)) for number in range(3)), **ERROR)
    (crashed,) = bury(app, Call(task="proj.fail"), **CRASH)
    often, once = printed(project, "list", "--group")
    assert (often["count"], often["task"], often["error"], often["newest"]) == (3, "proj.add", "ValueError", ids[-1])
    assert (once["count"], once["cause"]) == (1, "crashed")
    assert often["place"] in project.prints("dead", "list", "--group")
    assert [row["id"] for row in printed(project, "list", "--fingerprint", once["fingerprint"])] == [crashed]


def test_a_letter_is_shown_with_its_attempts_and_arguments(project, app):
    attempts = (c.Attempt(1.0, "w1", "KeyError: 1", "Traceback\n  one\n"), c.Attempt(2.0, "w2", "KeyError: 2"))
    (letter,) = bury(app, Call(task="proj.add", args=("ü",), kwargs={"y": 2}), attempts=attempts, **CRASH)
    shown = printed(project, "show", letter)
    assert (shown["signal"], shown["memory"], shown["worker"]) == ("SIGSEGV", 1 << 30, "w1")
    assert [attempt["error"] for attempt in shown["attempts"]] == ["KeyError: 1", "KeyError: 2"]
    assert json.loads(shown["raw"])["headers"]["id"] == letter
    text = project.prints("dead", "show", letter)
    for words in ("SIGSEGV", "1,024 MiB", "KeyError: 2", "Traceback\n  one", "['ü'] {'y': 2}", "proj.add"):
        assert words in text


def test_a_letter_that_is_not_there_is_one_line_and_exit_code_one(project):
    for command in (("show", "nobody"), ("replay", "nobody"), ("drop", "nobody")):
        done = project.run("dead", *command)
        assert (done.returncode, done.stdout) == (FAILED, "")
        assert done.stderr.startswith("no dead letter nobody")


def test_one_is_replayed_with_other_arguments_and_runs(project, app):
    (letter,) = bury(app, Call(task="proj.add", args=(1, "wrong")), **ERROR)
    with project.worker() as worker:
        assert project.prints("dead", "replay", letter, "-a", "[40, 2]") == "1 replayed"
        assert project.prints("result", letter, "--timeout", "20") == "42"
        assert worker.stop() == 0
    assert printed(project, "list") == []


def test_all_that_match_are_replayed_once(project, app):
    ids = bury(app, *(Call(task="proj.add", args=(number, 1)) for number in range(3)), **ERROR)
    (other,) = bury(app, Call(task="proj.fail"), **CRASH)
    assert printed(project, "replay", "--all", "--task", "proj.add", "--kwargs", '{"z": 1}', "--yes") == {"replayed": 3}
    assert printed(project, "replay", "--all", "--task", "proj.add", "--yes") == {"replayed": 0}
    assert [row["id"] for row in printed(project, "list")] == [other]
    claims = Hand(app.store).claim(10, "celery")
    assert [edit.arguments(claim.raw) for claim in claims] == [([n, 1], {"z": 1}) for n in (2, 1, 0)]
    assert {json.loads(claim.raw)["headers"]["id"] for claim in claims} == set(ids)


def test_a_letter_can_be_replayed_into_another_queue(project, app):
    (letter,) = bury(app, Call(task="proj.add", args=(1, 1)))
    project.prints("dead", "replay", letter, "--to", "aside")
    assert len(Hand(app.store).claim(10, "aside")) == 1


def test_letters_are_dropped(project, app):
    ids = bury(app, *(Call(task="proj.add", args=(number,)) for number in range(3)))
    assert project.prints("dead", "drop", ids[0]) == "1 dropped"
    done = project.run("dead", "drop", "--all")
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert "--yes" in done.stderr
    assert len(printed(project, "list")) == 2
    assert printed(project, "drop", "--all", "--older", "1h", "--yes") == {"dropped": 0}
    assert printed(project, "drop", "--all", "--yes") == {"dropped": 2}


def test_letters_are_exported_a_line_each(project, app):
    ids = bury(app, *(Call(task="proj.add", args=(number,)) for number in range(3)))
    hand = Hand(app.store)
    app.store.run(c.Enqueue((c.Message("bytes", "q", b"x"),)))
    [claim] = hand.claim()
    hand.finish(c.Outcome(claim.id, dead=c.DeadLetter("bytes", "q", b"\xff\x00", "malformed")))
    rows = [json.loads(line) for line in project.prints("dead", "export").splitlines()]
    assert [row["id"] for row in rows] == ["bytes", *ids[::-1]]
    assert rows[0]["raw_base64"] == "/wA="
    assert json.loads(rows[1]["raw"])["headers"]["task"] == "proj.add"
    assert printed(project, "export") == rows


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("replay",), "by id, or say --all"),
        (("replay", "x", "--all"), "by id, or say --all"),
        (("drop", "x", "--task", "y"), "filters go with --all"),
        (("list", "--cause", "boredom"), "no cause is called 'boredom'"),
        (("list", "--older", "long"), "no length of time"),
        (("replay", "x", "-a", "{}"), "--args is a JSON list"),
        (("replay", "x", "-k", "["), "not JSON"),
    ],
)
def test_wrong_use_says_what_is_wrong(idle_project, arguments, complaint):
    done = idle_project.run("dead", *arguments)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert complaint in done.stderr
