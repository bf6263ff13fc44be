"""`celeriac adopt` and `celeriac hand-back` where there is nothing of Celery's; with it, tests/compat has them."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

FAILED = 1


@pytest.mark.parametrize("command", ["adopt", "hand-back"])
def test_a_store_that_celery_cannot_use_is_one_clear_line(idle_project, command):
    done = idle_project.run(command)
    assert (done.returncode, done.stdout) == (FAILED, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Celery keeps no messages in sqlite:///")
