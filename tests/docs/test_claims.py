"""What pages state in passing is so: numbers of the code, and what docs/migration.md says is refused or missing."""

from __future__ import annotations

import importlib
import importlib.util

import pytest

from celeriac import Celeriac
from celeriac.config import TABLE
from celeriac.exceptions import ImproperlyConfigured, InvalidOption, SettingWarning
from celeriac.stores import contract
from celeriac.stores.redis.store import RedisStore
from celeriac.stores.sqlite.store import SQLiteStore
from celeriac.worker.core import pace
from tests.docs.blocks import ROOT


def page(name: str) -> str:
    """Its text in one line."""
    return " ".join((ROOT / "docs" / name).read_text().split())


@pytest.mark.parametrize(
    ("name", "text", "value", "stated"),
    [
        ("leases.md", "every quarter of `worker_lease` (10 seconds)", TABLE["worker_lease"].default, 10),
        ("leases.md", "A heartbeat every 2.5 seconds on Redis", RedisStore("redis://localhost").heartbeat_seconds, 2.5),
        ("leases.md", "every half second on SQLite", SQLiteStore.heartbeat_seconds, 0.5),
        ("ordering.md", "up to 64 short tasks at once", pace.FRAME_TASKS, 64),
        ("ordering.md", "longer than 20 milliseconds", pace.STUCK_SECONDS, 0.020),
        ("migration.md", "it tries for two seconds", TABLE["task_publish_deadline"].default, 2),
        ("migration.md", "after three deaths it is a [dead letter]", TABLE["worker_crash_limit"].default, 3),
        ("migration.md", "is parked for five minutes", TABLE["task_unknown_timeout"].default, 300),
        ("migration.md", "the store remembers them for three hours", contract.REVOKE_MEMORY_SECONDS, 3 * 3600),
        ("howto/run-twice.md", "accepted within the last five minutes", contract.ENQUEUE_MEMORY_SECONDS, 300),
        (
            "howto/asyncio.md",
            "`worker_async_concurrency` coroutines (100)",
            TABLE["worker_async_concurrency"].default,
            100,
        ),
        ("howto/dead-letters.md", "`dead_letter_expires` (30 days)", TABLE["dead_letter_expires"].default, 30 * 86400),
    ],
)
def test_numbers(name, text, value, stated):
    assert text in page(name)
    assert value == stated


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("task_default_rate_limit", "10/s"),
        ("security_key", "key.pem"),
        ("worker_consumer", "mine:Consumer"),
        ("worker_autoscaler", "mine:Autoscaler"),
        ("broker_transport_options", {"master_name": "main"}),
        ("broker_url", "amqp://localhost"),
        ("broker_url", "sqs://"),
        ("broker_url", "postgresql://localhost/tasks"),
        ("broker_url", "sentinel://localhost:26379"),
        ("result_backend", "db+sqlite:///results.db"),
        ("result_backend", "mongodb://localhost"),
    ],
)
def test_what_migration_says_is_refused_is(setting, value):
    app = Celeriac("moving", set_as_current=False)
    app.config_from_object({"broker_url": "redis://localhost", setting: value})
    with pytest.raises(ImproperlyConfigured):
        app.store  # noqa: B018 - it is opened


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *[(name, True) for name in ("worker_send_task_events", "task_send_sent_event")],
        ("task_allow_error_cb_on_chord_header", True),
        ("beat_schedule", {"nightly": {"task": "add", "schedule": 60}}),
        ("beat_scheduler", "django_celery_beat.schedulers:DatabaseScheduler"),
        ("task_time_limt", 60),
    ],
)
def test_what_migration_says_warns_does(setting, value):
    app = Celeriac("moving", set_as_current=False)
    app.config_from_object({setting: value})
    with pytest.warns(SettingWarning, match=setting):
        app.conf.read()


@pytest.mark.parametrize("module", ["signals", "canvas", "schedules", "beat", "events", "bootsteps", "contrib"])
def test_what_migration_says_is_missing_is(module):
    with pytest.raises(ModuleNotFoundError, match=f"celeriac.{module}"):
        importlib.import_module(f"celeriac.{module}")


def test_other_calls_that_migration_names():
    app = Celeriac("moving", broker="memory://", set_as_current=False)
    add = app.task(name="add")(lambda x, y: x + y)
    for option in ("link", "link_error"):
        with pytest.raises(InvalidOption):
            add.apply_async((1, 2), **{option: "other"})
    with pytest.warns(UserWarning, match="rate_limit"):
        app.task(name="slow", rate_limit="10/s")(lambda: None)
    with pytest.warns(SettingWarning, match="packages"):
        app.autodiscover_tasks(force=True)
