"""What a run comes to: results, hooks, callbacks, errbacks, dead letters, the next attempt."""

from __future__ import annotations

import pytest

from celeriac import Celeriac, Task
from celeriac.exceptions import (
    Ignore,
    Reject,
    SoftTimeLimitExceeded,
    TaskRevokedError,
    TimeLimitExceeded,
    WorkerLostError,
)
from celeriac.message import document
from celeriac.message import task as wire
from celeriac.worker.lane.frame import Verdict
from tests.worker.child.bench_of_one import BenchOfOne, read, read_outcome


class Unguarded:
    """Nothing ends a task here."""

    cancels = False

    def call(self, attempt):
        return attempt.task.body(*attempt.args, **attempt.kwargs)


GUARD = Unguarded()


class Watched(Task):
    """A task that notes what it is told of itself."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.told = []

    def before_start(self, task_id, args, kwargs):
        self.told.append(("before_start", args, kwargs))

    def on_success(self, retval, task_id, args, kwargs):
        self.told.append(("on_success", retval, args, kwargs))

    def on_retry(self, exc, task_id, args, kwargs, einfo):
        self.told.append(("on_retry", type(exc).__name__, "Retry" in einfo.traceback))

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        self.told.append(("on_failure", type(exc).__name__, type(exc).__name__ in str(einfo)))

    def after_return(self, status, retval, task_id, args, kwargs, einfo):
        self.told.append(("after_return", status, einfo is None))


class Polite(Task):
    """A task whose methods call those they override."""

    told = 0

    def before_start(self, *arguments):
        super().before_start(*arguments)

    def on_failure(self, *arguments):
        super().on_failure(*arguments)
        type(self).told += 1

    def after_return(self, *arguments):
        super().after_return(*arguments)
        type(self).told += 1


class Broken(Task):
    """A task whose methods raise."""

    def on_success(self, *arguments):
        raise RuntimeError("on_success is broken")

    def on_failure(self, *arguments):
        raise SystemExit("on_failure is broken")


@pytest.fixture
def app():
    with Celeriac("judge", broker="memory://") as app:
        yield app


@pytest.fixture
def bench(app):
    return BenchOfOne(app)


def fail(text="no"):
    raise ValueError(text)


def body_of(message):
    return wire.read_body(wire.read_task(message.raw))


# -- hooks --------------------------------------------------------------------------


def test_hooks_of_a_success(app, bench):
    task = app.task(base=Watched)(lambda x: x + 1)
    assert bench.run(GUARD, task, 1).result == 2
    assert task.told == [
        ("before_start", [1], {}),
        ("on_success", 2, [1], {}),
        ("after_return", "SUCCESS", True),
    ]


def test_hooks_of_a_failure(app, bench):
    task = app.task(base=Watched)(fail)
    assert bench.run(GUARD, task).status == "FAILURE"
    assert task.told[1:] == [("on_failure", "ValueError", True), ("after_return", "FAILURE", False)]


def test_hooks_of_a_retry(app, bench):
    task = app.task(base=Watched, autoretry_for=(ValueError,))(fail)
    assert bench.run(GUARD, task).status == "RETRY"
    assert task.told[1:] == [("on_retry", "ValueError", True)]


def test_hooks_may_call_those_they_override(app, bench):
    task = app.task(base=Polite)(fail)
    assert isinstance(bench.run(GUARD, task).result, ValueError)
    assert task.told == 2
    assert task.hooks == {"before_start", "on_failure", "after_return"}
    assert not app.task(name="plain")(fail).hooks


def test_hooks_that_raise_change_nothing(app, bench, caplog):
    good, bad = app.task(name="good", base=Broken)(lambda: 1), app.task(name="bad", base=Broken)(fail)
    assert bench.run(GUARD, good).result == 1
    assert isinstance(bench.run(GUARD, bad).result, ValueError)
    assert "on_success of task good raised" in caplog.text
    assert "on_failure of task bad raised" in caplog.text


def test_coroutines_have_hooks_and_options_of_their_class(app):
    class Patient(Watched):
        autoretry_for = (OSError,)
        max_retries = 7
        soft_time_limit = 5

    @app.task(base=Patient, max_retries=8)
    async def later():
        return 1

    assert isinstance(later, Patient)
    assert later.asynchronous
    assert (later.max_retries, later.soft_time_limit, later.retry_policy.autoretry_for) == (8, 5.0, (OSError,))
    assert "on_failure" in later.hooks


def test_a_class_may_wrap_the_call(app, bench):
    class Doubled(Task):
        def __call__(self, *args, **kwargs):
            return 2 * super().__call__(*args, **kwargs)

    assert bench.run(GUARD, app.task(base=Doubled)(lambda x: x), 4).result == 8


# -- callbacks and errbacks ---------------------------------------------------------


def signature(name, *args, immutable=False, **options):
    return {
        "task": name,
        "args": list(args),
        "kwargs": {},
        "options": options,
        "subtask_type": None,
        "immutable": immutable,
    }


def test_callbacks_get_the_result_first(app, bench):
    task = app.task(lambda: 5)
    links = [signature("a", 1, queue="side", task_id="mine"), signature("b", 2, immutable=True)]
    outcome = bench.outcome(GUARD, task, embed={"callbacks": links})
    first, second = outcome.successors
    assert (first.id, first.queue, body_of(first)[0]) == ("mine", "side", [5, 1])
    assert (second.queue, body_of(second)[0]) == ("celery", [2])
    assert document.read(outcome.result).result == 5


def test_the_same_task_has_the_same_successors(app, bench):
    task = app.task(lambda: 5)
    ids = [
        [message.id for message in bench.outcome(GUARD, task, task_id="t", embed=embed).successors]
        for embed in [{"callbacks": [signature("a"), signature("a")]}] * 2
    ]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_errbacks_get_the_id_first(app, bench):
    outcome = bench.outcome(GUARD, app.task(fail), task_id="t", embed={"errbacks": [signature("elsewhere", 1)]})
    (message,) = outcome.successors
    assert body_of(message)[0] == ["t", 1]
    assert wire.read_task(message.raw).headers.parent_id == "t"


def test_errbacks_that_take_request_error_and_traceback_are_called_at_once(app, bench):
    called = []

    @app.task(name="note")
    def note(request, exc, traceback):
        called.append((request.id, type(exc).__name__, "ValueError" in traceback))

    outcome = bench.outcome(GUARD, app.task(fail), task_id="t", embed={"errbacks": [signature("note")]})
    assert called == [("t", "ValueError", True)]
    assert outcome.successors == ()


def test_the_next_link_of_a_chain_takes_the_rest_along(app, bench):
    chain = [signature("last", task_id="3"), signature("next", 1, task_id="2")]
    (message,) = bench.outcome(GUARD, app.task(lambda: 5), task_id="1", embed={"chain": chain}).successors
    args, _, embed = body_of(message)
    assert (message.id, args, [link["task"] for link in embed["chain"]]) == ("2", [5, 1], ["last"])


def test_what_cannot_be_called_yet_is_said(app, bench, caplog):
    embed: dict = {
        "callbacks": [signature("celery.group"), {"no": "signature"}, signature("a")],
        "chord": {},
        "chain": None,
    }
    outcome = bench.outcome(GUARD, app.task(lambda: 1), embed=embed)
    assert len(outcome.successors) == 1
    assert caplog.text.count("is lost") == 2


def test_a_retry_keeps_its_callbacks_and_calls_none(app, bench):
    task = app.task(autoretry_for=(ValueError,), retry_kwargs={"countdown": 0})(fail)
    embed = {"callbacks": [signature("a")], "errbacks": [signature("b")]}
    (again,) = bench.outcome(GUARD, task, embed=embed).successors
    assert wire.read_task(again.raw).headers.task == task.name
    assert body_of(again)[2]["errbacks"][0]["task"] == "b"


# -- dead letters and returns -------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, False),
        ({"acks_on_failure": False}, True),
        ({"acks_on_failure_or_timeout": False}, True),
        ({"acks_on_failure_or_timeout": False, "acks_on_failure": True}, False),
        ({"acks_on_failure": False, "acks_late": False}, False),
    ],
)
def test_a_failure_leaves_a_dead_letter_where_asked_to(app, bench, options, kept):
    outcome = bench.outcome(GUARD, app.task(**options)(fail))
    assert document.read(outcome.result).status == "FAILURE"
    assert outcome.dead.failed == (not kept)


def test_the_setting_counts_where_the_task_says_nothing():
    with Celeriac("judge", broker="memory://", task_acks_on_failure=False) as app:
        bench = BenchOfOne(app)
        letters = [
            bench.outcome(GUARD, app.task(name="a")(fail)).dead,
            bench.outcome(GUARD, app.task(name="b", acks_on_failure=True)(fail)).dead,
        ]
        assert [letter is not None and letter.failed for letter in letters] == [False, True]


def test_a_failed_task_is_kept_with_all_that_is_known_of_it(app, bench):
    task = app.task(name="shop.pay", ignore_result=True)(fail)
    raw = bench.message(task, "arg", priority=3)
    letter = read_outcome(bench.executor.execute(raw, "celery", GUARD)).dead
    assert letter is not None
    assert (letter.failed, letter.raw, letter.task, letter.cause) == (True, raw, "shop.pay", "failed")
    assert (letter.error, letter.reason, letter.priority) == ("ValueError", "ValueError('arg')", 3)
    assert letter.place.endswith(" in fail")
    assert "in fail" in letter.attempts[-1].traceback
    letter = read_outcome(verdict(bench, task, "TimeLimitExceeded", "3")).dead
    assert letter is not None
    assert (letter.failed, letter.cause) == (True, "time limit")


@pytest.mark.parametrize("settings", [{"failed_limit": 0}, {"failed_max_bytes": 20}])
def test_failed_tasks_are_not_kept_where_nobody_wants_them(settings):
    with Celeriac("judge", broker="memory://", **settings) as app:
        assert BenchOfOne(app).outcome(GUARD, app.task(fail)).dead is None


@pytest.mark.parametrize("value", ["success", Ignore(), Reject("again", requeue=True), TaskRevokedError("terminated")])
def test_nothing_is_kept_of_what_has_not_failed(app, bench, value):
    @app.task
    def run():
        if isinstance(value, BaseException):
            raise value

    assert bench.outcome(GUARD, run).dead is None


def test_rejected_for_good(app, bench):
    @app.task
    def refuse():
        raise Reject("not mine", requeue=False)

    outcome = bench.outcome(GUARD, refuse)
    assert document.read(outcome.result).status == "FAILURE"
    assert "not mine" in outcome.dead.reason


def test_rejected_for_another_time_waits_longer_each_time(app, bench):
    @app.task
    def refuse():
        raise Reject("busy", requeue=True)

    raw, delays, ids = bench.message(refuse), [], set()
    for _ in range(9):
        outcome = read_outcome(bench.executor.execute(raw, "celery", GUARD))
        (again,) = outcome.successors
        assert outcome.result is None
        raw = again.raw
        delays.append(again.delay)
        ids.add(again.id)
    assert delays == [0, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]
    assert len(ids) == 9


def test_ignored(app, bench):
    @app.task
    def ignore():
        raise Ignore

    assert bench.outcome(GUARD, ignore).result is None


# -- verdicts -----------------------------------------------------------------------


def verdict(bench, task, error, reason, *, dead=False, **options):
    raw = bench.message(task, **options)
    return bench.executor.verdict(Verdict(1, "celery", raw, error, reason, dead))


def test_a_verdict_fails_the_task_with_its_hooks_and_errbacks(app, bench):
    task = app.task(base=Watched)(fail)
    embed = {"errbacks": [signature("b")]}
    outcome = read_outcome(verdict(bench, task, "WorkerLostError", "signal 9", dead=True, embed=embed))
    found = document.read(outcome.result or b"")
    assert (found.status, type(found.result), str(found.result)) == ("FAILURE", WorkerLostError, "signal 9")
    assert task.told == [("on_failure", "WorkerLostError", True), ("after_return", "FAILURE", False)]
    assert len(outcome.successors) == 1
    assert outcome.dead is not None


def test_a_verdict_on_time_carries_the_limit(app, bench):
    found = read(verdict(bench, app.task(fail), "TimeLimitExceeded", "3"))
    assert (type(found.result), found.result.args) == (TimeLimitExceeded, (3.0,))


def test_a_verdict_of_revoked_calls_nothing(app, bench):
    task = app.task(base=Watched)(fail)
    outcome = read_outcome(verdict(bench, task, "TaskRevokedError", "no", embed={"errbacks": [signature("b")]}))
    found = document.read(outcome.result or b"")
    assert (found.status, type(found.result)) == ("REVOKED", TaskRevokedError)
    assert (task.told, outcome.successors) == ([], ())


def test_a_verdict_on_what_is_no_message_is_a_dead_letter(bench):
    outcome = read_outcome(bench.executor.verdict(Verdict(1, "celery", b"nonsense", "WorkerLostError", "x", True)))
    assert outcome.dead is not None


def test_a_soft_limit_may_be_retried_but_not_a_hard_one(app, bench):
    def raises(error):
        raise error

    task = app.task(autoretry_for=(Exception,))(
        lambda kind: raises({"s": SoftTimeLimitExceeded, "h": TimeLimitExceeded}[kind]())
    )
    assert bench.run(GUARD, task, "s").status == "RETRY"
    assert bench.run(GUARD, task, "h").status == "FAILURE"
