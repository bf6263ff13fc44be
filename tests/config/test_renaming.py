"""Settings files with old names are rewritten, and nothing else in them is touched."""

from __future__ import annotations

import pytest

from celeriac.config.renaming import renamed
from celeriac.config.table import OLD_NAMES

FILE = """\
# CELERYD_CONCURRENCY is explained elsewhere
import os

BROKER_URL = os.environ.get("BROKER_URL")  # as BROKER_URL says
CELERYD_CONCURRENCY = 4
CELERY_ROUTES = {
    "shop.pay": {"queue": "money"},
}
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = 'json'
PAGE_SIZE = 10
app.conf.CELERY_ACKS_LATE = True
app.conf["CELERY_IMPORTS"] = ("a",)
app.conf.update({'CELERYD_POOL': "solo"}, CELERY_TIMEZONE="UTC")
"""


def test_names_and_keys_are_changed_and_other_text_is_not():
    text, changes = renamed(FILE)
    assert text == (
        FILE.replace("\nBROKER_URL", "\nbroker_url")
        .replace("\nCELERYD_CONCURRENCY", "\nworker_concurrency")
        .replace("CELERY_ROUTES", "task_routes")
        .replace("CELERY_TASK_SERIALIZER", "task_serializer")
        .replace("CELERY_RESULT_SERIALIZER", "result_serializer")
        .replace("CELERY_ACKS_LATE", "task_acks_late")
        .replace("CELERY_IMPORTS", "imports")
        .replace("CELERYD_POOL", "worker_pool")
        .replace("CELERY_TIMEZONE", "timezone")
    )
    assert [change.line for change in changes] == [4, 5, 6, 9, 9, 11, 12, 13, 13]


def test_new_names_are_left_alone():
    text, _ = renamed(FILE)
    assert renamed(text) == (text, [])
    text, _ = renamed(FILE, "CELERY")
    assert renamed(text, "CELERY")[0] == text


@pytest.mark.parametrize("prefix", ["", "CELERY"])
def test_every_old_name_gets_its_new_one(prefix):
    text, _ = renamed("".join(f"{name} = 1\n" for name in OLD_NAMES), prefix)
    wanted = [f"{prefix}_{new}".upper() if prefix else new for new in OLD_NAMES.values()]
    assert text.splitlines() == [f"{name} = 1" for name in wanted]


def test_ends_of_lines_stay():
    assert renamed("BROKER_URL = 1\r\n\r\nx = 1") == ("broker_url = 1\r\n\r\nx = 1", [(1, "BROKER_URL", "broker_url")])


def test_what_is_no_python_is_refused():
    with pytest.raises(SyntaxError):
        renamed("BROKER_URL = (")
