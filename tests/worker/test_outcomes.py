"""How a task ends, seen from outside: the real core and child loops, in this process."""

from __future__ import annotations

import asyncio
import time

import pytest

from celeriac import Celeriac
from celeriac.exceptions import SoftTimeLimitExceeded, TaskRevokedError, TimeLimitExceeded
from celeriac.stores import contract as c
from celeriac.testing import start_worker


@pytest.fixture
def app():
    with Celeriac("outcomes", broker="memory://") as app:
        yield app


def test_an_error_of_a_class_named_is_retried_until_it_passes(app):
    @app.task(bind=True, autoretry_for=(ConnectionError,), retry_kwargs={"max_retries": 4, "countdown": 0})
    def flaky(self):
        if self.request.retries < 3:
            raise ConnectionError("not yet")
        return self.request.retries

    with start_worker(app):
        assert flaky.delay().get(timeout=10) == 3


def test_after_the_last_retry_the_error_itself_is_the_result(app):
    attempts = []

    @app.task(autoretry_for=(ConnectionError,), retry_kwargs={"max_retries": 2, "countdown": 0})
    def broken():
        attempts.append(1)
        raise ConnectionError("for good")

    with start_worker(app):
        result = broken.delay()
        with pytest.raises(ConnectionError, match="for good"):
            result.get(timeout=10)
    assert len(attempts) == 3


def test_an_error_exempted_is_not_retried(app):
    attempts = []

    @app.task(autoretry_for=(OSError,), dont_autoretry_for=(FileNotFoundError,), retry_kwargs={"countdown": 0})
    def missing():
        attempts.append(1)
        raise FileNotFoundError("gone")

    with start_worker(app), pytest.raises(FileNotFoundError):
        missing.delay().get(timeout=10)
    assert len(attempts) == 1


def test_coroutines_are_retried_too(app):
    @app.task(bind=True, autoretry_for=(ConnectionError,), retry_kwargs={"countdown": 0})
    async def flaky(self):
        if not self.request.retries:
            raise ConnectionError("once")
        return "ok"

    with start_worker(app):
        assert flaky.delay().get(timeout=10) == "ok"


def test_a_task_that_has_expired_does_not_run(app):
    ran = []

    @app.task
    def late():
        ran.append(1)

    result = late.apply_async(expires=0.01)
    on_time = late.apply_async(expires=60)
    time.sleep(0.02)  # the passing of real time is what is tested
    with start_worker(app):
        with pytest.raises(TaskRevokedError, match="expired"):
            result.get(timeout=10)
        on_time.get(timeout=10)
    assert result.state == "REVOKED"
    assert len(ran) == 1


def test_a_dead_letter_has_the_tracebacks_of_all_attempts(app):
    @app.task(
        bind=True,
        acks_on_failure=False,
        autoretry_for=(ConnectionError,),
        retry_kwargs={"max_retries": 2, "countdown": 0},
    )
    def broken(self):
        raise ConnectionError(f"attempt {self.request.retries}")

    with start_worker(app), pytest.raises(ConnectionError):
        broken.delay().get(timeout=10)
    (letter,) = app.store.run(c.DeadLetters())
    assert letter.cause == "failed"
    assert [f"attempt {number}" in attempt.traceback for number, attempt in enumerate(letter.attempts)] == [True] * 3
    assert "in broken" in letter.place


def test_limits_hold_inside_a_test_too(app):
    @app.task(soft_time_limit=0.1)
    def told():
        while True:
            time.sleep(0.001)

    @app.task(time_limit=0.1)
    def ended():
        while True:
            time.sleep(0.001)

    @app.task(soft_time_limit=0.1)
    async def waits():
        await asyncio.sleep(30)

    with start_worker(app, concurrency=2):
        results = [told.delay(), ended.delay(), waits.delay()]
        errors = [type(result.get(timeout=10, propagate=False)) for result in results]
    assert errors == [SoftTimeLimitExceeded, TimeLimitExceeded, SoftTimeLimitExceeded]
