"""The table of settings: everything that is known of a setting stands in its row, once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Setting:
    """One row: `unit` is empty for what has none, `aliases` are Celery's older names for the same thing."""

    name: str
    kind: type | tuple[type, ...]
    default: Any
    doc: str
    unit: str = ""
    aliases: tuple[str, ...] = ()


_NUMBER = (int, float)
_OPTIONAL_NUMBER = (int, float, type(None))
_OPTIONAL_TEXT = (str, type(None))
_OPTIONAL_BOOL = (bool, type(None))


_ROWS = (
    Setting("broker_url", str, "sqlite:///tasks.db", "Where the queues are.", aliases=("BROKER_URL",)),
    Setting(
        "result_backend",
        _OPTIONAL_TEXT,
        None,
        "Where results are kept; unset, with the queues.",
        aliases=("CELERY_RESULT_BACKEND",),
    ),
    Setting(
        "broker_use_ssl",
        (bool, dict, type(None)),
        None,
        "TLS to Redis: True, or a mapping with ssl_ca_certs, ssl_certfile, ssl_keyfile, ssl_cert_reqs.",
        aliases=("BROKER_USE_SSL",),
    ),
    Setting(
        "redis_backend_use_ssl",
        (bool, dict, type(None)),
        None,
        "The same for results; as they come over the same connection, used where broker_use_ssl is unset.",
        aliases=("CELERY_REDIS_BACKEND_USE_SSL",),
    ),
    Setting(
        "result_expires",
        _NUMBER,
        86400,
        "How long a result is kept.",
        "seconds",
        ("CELERY_TASK_RESULT_EXPIRES", "CELERY_RESULT_EXPIRES"),
    ),
    Setting(
        "imports",
        (list, tuple, str),
        (),
        "Modules a worker imports besides the app's own.",
        aliases=("CELERY_IMPORTS",),
    ),
    Setting("include", (list, tuple, str), (), "More modules to import.", aliases=("CELERY_INCLUDE",)),
    Setting(
        "task_default_queue",
        str,
        "celery",
        "The queue of tasks that name none.",
        aliases=("CELERY_DEFAULT_QUEUE",),
    ),
    Setting(
        "task_default_priority", (int, type(None)), None, "The priority of tasks that name none; 0 is served first."
    ),
    Setting(
        "task_routes",
        object,
        None,
        "Which queue a task goes to: a dictionary of names, patterns and options, a function, a router, or a list.",
        aliases=("CELERY_ROUTES",),
    ),
    Setting(
        "task_queues",
        (list, tuple, dict, type(None)),
        None,
        "The queues there are: names, `Queue` objects (ours or kombu's), or a dictionary of options by name.",
        aliases=("CELERY_QUEUES",),
    ),
    Setting(
        "task_create_missing_queues",
        bool,
        True,
        "Whether a task may go to a queue that task_queues does not name.",
        aliases=("CELERY_CREATE_MISSING_QUEUES",),
    ),
    Setting(
        "task_default_exchange",
        _OPTIONAL_TEXT,
        None,
        "The exchange of queues that name none; unset, task_default_queue.",
        aliases=("CELERY_DEFAULT_EXCHANGE",),
    ),
    Setting(
        "task_default_exchange_type",
        str,
        "direct",
        "Its type: direct or topic.",
        aliases=("CELERY_DEFAULT_EXCHANGE_TYPE",),
    ),
    Setting(
        "task_default_routing_key",
        _OPTIONAL_TEXT,
        None,
        "The routing key of queues that name none; unset, task_default_queue.",
        aliases=("CELERY_DEFAULT_ROUTING_KEY",),
    ),
    Setting(
        "task_annotations",
        object,
        None,
        "Attributes to set on tasks: a dictionary by name ('*' for all), an object that annotates, or a list.",
        aliases=("CELERY_ANNOTATIONS",),
    ),
    Setting(
        "task_always_eager",
        bool,
        False,
        "Run tasks where they are called, at once.",
        aliases=("CELERY_ALWAYS_EAGER",),
    ),
    Setting(
        "task_eager_propagates",
        bool,
        False,
        "Whether tasks that are run where they are called raise their errors there.",
        aliases=("CELERY_EAGER_PROPAGATES_EXCEPTIONS",),
    ),
    Setting("task_store_eager_result", bool, False, "Whether results of tasks that are run at once are stored."),
    Setting(
        "task_inherit_parent_priority",
        bool,
        False,
        "Whether a task called by another has its priority.",
    ),
    Setting(
        "task_serializer",
        str,
        "json",
        "How arguments are written: json, msgpack, yaml or pickle.",
        aliases=("CELERY_TASK_SERIALIZER",),
    ),
    Setting(
        "result_serializer",
        str,
        "json",
        "How results are written.",
        aliases=("CELERY_RESULT_SERIALIZER",),
    ),
    Setting(
        "accept_content",
        (list, tuple, set, frozenset),
        ("json",),
        "What a worker reads: names of serializers or content types.",
        aliases=("CELERY_ACCEPT_CONTENT",),
    ),
    Setting(
        "result_accept_content",
        (list, tuple, set, frozenset, type(None)),
        None,
        "What is read of results; unset, as accept_content.",
    ),
    Setting(
        "task_compression",
        _OPTIONAL_TEXT,
        None,
        "How arguments are compressed: gzip, bzip2, lzma, brotli or zstd.",
        aliases=("CELERY_MESSAGE_COMPRESSION",),
    ),
    Setting(
        "task_acks_late",
        (bool, type(None)),
        None,
        "When a message is acknowledged: True after the task ran (at least once), False before (at most once). "
        "Unset means at least once.",
        aliases=("CELERY_ACKS_LATE",),
    ),
    Setting(
        "task_acks_on_failure",
        _OPTIONAL_BOOL,
        None,
        "False keeps the message of a task that failed as a dead letter, beside its result.",
        aliases=("CELERY_ACKS_ON_FAILURE",),
    ),
    Setting(
        "task_acks_on_timeout",
        _OPTIONAL_BOOL,
        None,
        "The same for tasks that were ended at their time limit.",
        aliases=("CELERY_ACKS_ON_TIMEOUT",),
    ),
    Setting(
        "task_acks_on_failure_or_timeout",
        bool,
        True,
        "Both at once, as Celery had it; the two above come first.",
        aliases=("CELERY_ACKS_ON_FAILURE_OR_TIMEOUT",),
    ),
    Setting(
        "task_reject_on_worker_lost",
        _OPTIONAL_BOOL,
        None,
        "Whether a task whose process died runs again. Unset, it does, unless it may run once only.",
        aliases=("CELERY_REJECT_ON_WORKER_LOST",),
    ),
    Setting(
        "task_retry_on_worker_lost",
        bool,
        False,
        "The death of its process counts as a retry, with the pause and the limit of the task's retries.",
        aliases=("CELERY_RETRY_ON_WORKER_LOST",),
    ),
    Setting(
        "task_time_limit",
        _OPTIONAL_NUMBER,
        None,
        "After how long a task is ended, where it names no limit of its own.",
        "seconds",
        ("CELERYD_TASK_TIME_LIMIT",),
    ),
    Setting(
        "task_soft_time_limit",
        _OPTIONAL_NUMBER,
        None,
        "After how long SoftTimeLimitExceeded is raised in it.",
        "seconds",
        ("CELERYD_TASK_SOFT_TIME_LIMIT",),
    ),
    Setting(
        "task_ignore_result",
        bool,
        False,
        "Keep no results of tasks that do not say.",
        aliases=("CELERY_IGNORE_RESULT",),
    ),
    Setting(
        "task_track_started",
        bool,
        False,
        "Write the state STARTED before a task runs; costs a round trip a task.",
        aliases=("CELERY_TRACK_STARTED",),
    ),
    Setting("task_publish_deadline", _NUMBER, 2.0, "How long a call tries to enqueue before it raises.", "seconds"),
    Setting(
        "task_unknown_timeout",
        _NUMBER,
        300,
        "How long a task that no worker here knows waits for one that does, before it fails with NotRegistered.",
        "seconds",
    ),
    Setting("message_max_bytes", int, 1 << 26, "The longest message, as it lies in the queue.", "bytes"),
    Setting("message_max_header_bytes", int, 1 << 20, "The longest message without its body.", "bytes"),
    Setting("message_max_body_bytes", int, 1 << 26, "The longest body, unpacked.", "bytes"),
    Setting("message_max_ratio", int, 100, "How many times its length a body of more than 32 MiB may unpack to."),
    Setting("message_max_items", int, 10_000_000, "The most values in a body."),
    Setting("message_max_depth", int, 1000, "How deep the values of a body may nest."),
    Setting("result_max_bytes", int, 1 << 26, "The longest result, as JSON.", "bytes"),
    Setting(
        "worker_pool",
        str,
        "prefork",
        "How a worker runs tasks: prefork, threads or asyncio; gevent and solo only by `--pool`.",
        aliases=("CELERYD_POOL",),
    ),
    Setting(
        "worker_pools",
        (list, tuple),
        (),
        "Further pools: dictionaries with name, queues, kind, concurrency, time_limit, soft_time_limit, "
        "max_tasks_per_child, max_memory_per_child.",
    ),
    Setting(
        "worker_concurrency",
        (int, type(None)),
        None,
        "Children, threads, coroutines or greenlets of a worker; unset, one a core (coroutines and greenlets: 100).",
        aliases=("CELERYD_CONCURRENCY",),
    ),
    Setting(
        "worker_max_tasks_per_child",
        (int, type(None)),
        None,
        "How many tasks a child runs before another takes its place.",
        aliases=("CELERYD_MAX_TASKS_PER_CHILD",),
    ),
    Setting(
        "worker_max_memory_per_child",
        (int, type(None)),
        None,
        "How large a child may be after a task before another takes its place.",
        "KiB",
        ("CELERYD_MAX_MEMORY_PER_CHILD",),
    ),
    Setting(
        "worker_start_method",
        str,
        "fork",
        "How children come to be: forked from a process that has imported the app, or `spawn`: each imports it anew.",
    ),
    Setting("dead_letter_limit", int, 10_000, "How many dead letters are kept; the oldest fall out."),
    Setting("dead_letter_expires", _NUMBER, 30 * 86400, "How long a dead letter is kept.", "seconds"),
    Setting("worker_async_concurrency", int, 100, "Tasks with `async def` that one child runs side by side."),
    Setting("worker_lease", _NUMBER, 10.0, "Silence after which a worker counts as dead, on Redis.", "seconds"),
    Setting(
        "worker_grace",
        _OPTIONAL_NUMBER,
        None,
        "How long running tasks may go on after SIGTERM before they are given back and cut off; unset, for ever. "
        "The environment variable CELERIAC_GRACE goes before it.",
        "seconds",
    ),
    Setting(
        "worker_soft_shutdown_timeout",
        _NUMBER,
        0.0,
        "How long running tasks may go on after a signal that means a cold stop.",
        "seconds",
        ("CELERYD_SOFT_SHUTDOWN_TIMEOUT",),
    ),
    Setting(
        "worker_stall_timeout",
        _NUMBER,
        10.0,
        "After how long with free children, waiting messages and nothing claimed a worker builds its session with "
        "the store anew; 0 means never.",
        "seconds",
    ),
    Setting(
        "worker_health_bind",
        _OPTIONAL_TEXT,
        None,
        "The host:port at which a worker answers GET /live and GET /ready; unset, none.",
    ),
    Setting("worker_crash_limit", int, 3, "Deaths of a child in the same task before it becomes a dead letter."),
    Setting(
        "worker_log_format",
        str,
        "[%(asctime)s: %(levelname)s/%(processName)s] %(message)s",
        "How records outside tasks look in the log: a format of `logging`, or `json` for all records.",
        aliases=("CELERYD_LOG_FORMAT",),
    ),
    Setting("worker_log_datefmt", _OPTIONAL_TEXT, None, "How their time looks.", aliases=("CELERYD_LOG_DATEFMT",)),
    Setting(
        "worker_task_log_format",
        str,
        "[%(asctime)s: %(levelname)s/%(processName)s] %(task_name)s[%(task_id)s]: %(message)s",
        "How records logged in tasks look, whatever their logger.",
        aliases=("CELERYD_TASK_LOG_FORMAT",),
    ),
    Setting(
        "worker_task_log_datefmt", _OPTIONAL_TEXT, None, "How their time looks.", aliases=("CELERYD_TASK_LOG_DATEFMT",)
    ),
    Setting(
        "worker_log_color",
        _OPTIONAL_BOOL,
        None,
        "Colour by level; never in a file, and only where standard error is a terminal.",
        aliases=("CELERYD_LOG_COLOR",),
    ),
    Setting(
        "worker_hijack_root_logger",
        _OPTIONAL_BOOL,
        None,
        "Whether the root logger of a worker's children writes into the worker's log. Unset: if the app has given "
        "it no handler; True: instead of the app's handlers; False: the root logger is not touched.",
        aliases=("CELERYD_HIJACK_ROOT_LOGGER",),
    ),
    Setting(
        "worker_redirect_stdouts",
        bool,
        True,
        "Log what tasks print, a record a line.",
        aliases=("CELERY_REDIRECT_STDOUTS",),
    ),
    Setting(
        "worker_redirect_stdouts_level",
        (str, int),
        "WARNING",
        "The level of what tasks print.",
        aliases=("CELERY_REDIRECT_STDOUTS_LEVEL",),
    ),
    Setting(
        "worker_loss_limit",
        int,
        10,
        "Deaths of workers that held the same task before it becomes a dead letter; they need not have run it.",
    ),
    Setting("worker_claim_bytes", int, 1 << 20, "Claim no further message after so much in one step.", "bytes"),
    Setting("worker_frame_bytes", int, 1 << 18, "Hand a child no further message after so much at once.", "bytes"),
)

TABLE: dict[str, Setting] = {row.name: row for row in _ROWS}

OLD_NAMES: dict[str, str] = {alias: row.name for row in _ROWS for alias in row.aliases}
