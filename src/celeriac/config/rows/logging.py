"""The log of a worker."""

from __future__ import annotations

from celeriac.config.setting import BOOL, OPTIONAL_BOOL, OPTIONAL_TEXT, TEXT, Setting

ROWS = (
    Setting(
        "worker_log_format",
        TEXT,
        "[%(asctime)s: %(levelname)s/%(processName)s] %(message)s",
        "How records outside tasks look in the log: a format of `logging`, or `json` for all records.",
        old=("CELERYD_LOG_FORMAT",),
    ),
    Setting("worker_log_datefmt", OPTIONAL_TEXT, None, "How their time looks.", old=("CELERYD_LOG_DATEFMT",)),
    Setting(
        "worker_task_log_format",
        TEXT,
        "[%(asctime)s: %(levelname)s/%(processName)s] %(task_name)s[%(task_id)s]: %(message)s",
        "How records logged in tasks look, whatever their logger.",
        old=("CELERYD_TASK_LOG_FORMAT",),
    ),
    Setting("worker_task_log_datefmt", OPTIONAL_TEXT, None, "How their time looks.", old=("CELERYD_TASK_LOG_DATEFMT",)),
    Setting(
        "worker_log_color",
        OPTIONAL_BOOL,
        None,
        "Colour by level; never in a file, and only where standard error is a terminal.",
        old=("CELERYD_LOG_COLOR",),
    ),
    Setting(
        "worker_hijack_root_logger",
        OPTIONAL_BOOL,
        None,
        "Whether the root logger of a worker's children writes into the worker's log. Unset: if the app has "
        "given it no handler; True: instead of the app's handlers; False: as unset, and it has the worker's level "
        "in any case.",
        old=("CELERYD_HIJACK_ROOT_LOGGER",),
    ),
    Setting(
        "worker_redirect_stdouts",
        BOOL,
        True,
        "Log what tasks print, a record a line.",
        old=("CELERY_REDIRECT_STDOUTS",),
    ),
    Setting(
        "worker_redirect_stdouts_level",
        (str, int),
        "WARNING",
        "The level of what tasks print.",
        old=("CELERY_REDIRECT_STDOUTS_LEVEL",),
    ),
)
