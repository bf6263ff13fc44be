"""When tasks run again by themselves."""

from __future__ import annotations

import pytest

from celeriac.app.retry import RetryPolicy, backoff
from celeriac.exceptions import Ignore, Reject, Retry


class Wrong(ValueError):
    """An error of a user."""


@pytest.mark.parametrize(
    ("error", "applies"),
    [
        (ValueError(), True),
        (Wrong(), False),
        (KeyError(), False),
        (Retry(), False),
        (Ignore(), False),
        (Reject(), False),
    ],
)
def test_which_errors_are_retried(error, applies):
    policy = RetryPolicy((ValueError, Retry, Ignore, Reject), (Wrong,))
    assert policy.applies_to(error) is applies


def test_nothing_is_retried_unasked():
    assert not RetryPolicy().applies_to(ValueError())


def test_pauses_double_up_to_the_most():
    assert [backoff(2, retries, 30) for retries in range(6)] == [2, 4, 8, 16, 30, 30]
    assert backoff(1, 10_000, 600) == 600


def test_jitter_draws_from_zero_to_the_pause():
    policy = RetryPolicy((ValueError,), retry_backoff=True, retry_backoff_max=60)
    drawn = policy.arguments(3, lambda limit: limit - 1)
    assert drawn == {"countdown": 8}


def test_without_jitter_the_pause_is_exact():
    policy = RetryPolicy((ValueError,), retry_backoff=3, retry_jitter=False, retry_kwargs={"max_retries": 7})
    assert policy.arguments(2, lambda limit: 0) == {"countdown": 12, "max_retries": 7}


def test_without_backoff_retry_goes_by_its_own_arguments():
    assert RetryPolicy(retry_kwargs={"countdown": 9}).arguments(4, lambda limit: 0) == {"countdown": 9}
