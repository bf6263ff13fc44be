"""The table of settings: everything that is known of a setting stands in its row, once."""

from __future__ import annotations

from celeriac.config.rows import broker, control, engines, logging, messages, results, tasks, worker
from celeriac.config.setting import Setting

_ROWS = (
    *broker.ROWS,
    *tasks.ROWS,
    *results.ROWS,
    *messages.ROWS,
    *worker.ROWS,
    *logging.ROWS,
    *control.ROWS,
    *engines.ROWS,
)

TABLE: dict[str, Setting] = {row.name: row for row in _ROWS if "." not in row.name}

OPTIONS: dict[str, Setting] = {row.name: row for row in _ROWS if "." in row.name}
"""What is known of the entries of a setting that is a dictionary, by `setting.entry`."""

NESTED = frozenset(name.partition(".")[0] for name in OPTIONS)
"""The settings whose entries are looked at one by one."""

OLD_NAMES: dict[str, str] = {
    name: row.name for row in TABLE.values() for name in (row.old or ((row.name.upper(),) if row.celery else ()))
}
"""Celery's older names."""
