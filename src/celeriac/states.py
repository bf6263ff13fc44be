"""The states a task can be in, under Celery's names.

A result document carries one of these words in its `status` field. `PENDING` is never written: it is what
a reader says of an id it has no document for.
"""

from __future__ import annotations

from typing import Final

PENDING: Final = "PENDING"
RECEIVED: Final = "RECEIVED"
STARTED: Final = "STARTED"
SUCCESS: Final = "SUCCESS"
FAILURE: Final = "FAILURE"
REVOKED: Final = "REVOKED"
REJECTED: Final = "REJECTED"
RETRY: Final = "RETRY"
IGNORED: Final = "IGNORED"

READY_STATES: Final = frozenset({SUCCESS, FAILURE, REVOKED})
"""States that end a task: a result in one of them is final."""

UNREADY_STATES: Final = frozenset({PENDING, RECEIVED, STARTED, REJECTED, RETRY})
EXCEPTION_STATES: Final = frozenset({RETRY, FAILURE, REVOKED})
PROPAGATE_STATES: Final = frozenset({FAILURE, REVOKED})
"""States whose result is an exception that `AsyncResult.get` raises."""

ALL_STATES: Final = READY_STATES | (UNREADY_STATES - {REJECTED})
"""As Celery has them: neither `REJECTED` nor `IGNORED` is a state of a result there."""
