"""States and progress of running tasks, as each library's clients see those of the other's workers."""

from __future__ import annotations

import pytest

from celeriac.calls.progress import Progress
from tests.compat.celery_side import celeriac_worker, celery_worker
from tests.worker.ledger import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

SEEN = "(lambda r: (r.state, r.info))(app.AsyncResult({id}))"


def test_celerys_clients_read_our_progress(celery, ours, place, tmp_path):
    with celeriac_worker(place, tmp_path / "celeriac.log"):
        result = ours.tasks["report"].delay(str(tmp_path / "go"))
        wait_until(lambda: result.state == "PROGRESS", 20, "progress")
        assert celery(SEEN, place, id=result.id) == ("PROGRESS", {"current": 3, "total": 4})
        (tmp_path / "go").touch()
        assert celery("app.AsyncResult({id}).get(timeout=20)", place, id=result.id) == "told"


def test_we_read_the_progress_of_their_tasks(celery, ours, place, celery_python, tmp_path):
    with celery_worker(celery_python, place, tmp_path / "celery.log"):
        result = ours.tasks["report"].delay(str(tmp_path / "go"))
        wait_until(lambda: result.progress is not None, 20, "progress")
        assert result.progress == Progress(3, 4)
        (tmp_path / "go").touch()
        assert result.get(timeout=20) == "told"
