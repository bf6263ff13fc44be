"""When a task that failed is run again by itself, and after how long. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from celeriac.exceptions import Ignore, Reject, Retry

Classes = tuple[type[BaseException], ...]


class RetryPolicy(NamedTuple):
    """The retry options of a task, under Celery's names and with its defaults; times in seconds.

    `autoretry_for` and `dont_autoretry_for` are classes of exceptions, `retry_kwargs` are arguments of
    `Task.retry`. With `retry_backoff` (True counts as 1) the pauses double from there up to
    `retry_backoff_max`; with `retry_jitter` each is a random number of seconds up to that.
    """

    autoretry_for: Classes = ()
    dont_autoretry_for: Classes = ()
    retry_kwargs: Mapping[str, Any] = {}
    retry_backoff: bool | float = False
    retry_backoff_max: float = 600
    retry_jitter: bool = True

    def applies_to(self, error: BaseException) -> bool:
        """Whether the task runs again after this error without having asked for it."""
        exempt = (Retry, Ignore, Reject, *self.dont_autoretry_for)
        return isinstance(error, self.autoretry_for) and not isinstance(error, exempt)

    def arguments(self, retries: int, random_below: Callable[[int], int]) -> dict[str, Any]:
        """The arguments of `Task.retry` for the attempt after `retries` retries.

        `random_below(n)` is a random integer from 0 to n - 1.
        """
        if not self.retry_backoff:
            return dict(self.retry_kwargs)
        pause = backoff(max(1, int(self.retry_backoff)), retries, int(self.retry_backoff_max))
        return {**self.retry_kwargs, "countdown": random_below(pause + 1) if self.retry_jitter else pause}


def backoff(factor: int, retries: int, maximum: int) -> int:
    """The pause before the next attempt: `factor` doubled with each retry, `most` at the most.

    Doubling stops at 2**40, long before the numbers get large enough to cost something.
    """
    return max(0, min(maximum, factor << min(retries, 40)))
