"""Where the queues are and how they are reached."""

from __future__ import annotations

from types import NoneType

from celeriac.config.setting import (
    ANY,
    BOOL,
    DICT,
    LIST,
    NUMBER,
    OPTIONAL_BOOL,
    OPTIONAL_NUMBER,
    OPTIONAL_TEXT,
    OPTIONAL_WHOLE,
    TEXT,
    WHOLE,
    Setting,
    idle,
    later,
    mapped,
    refused,
)

_ONE_BROKER = "one store holds the queues: tasks would be sent to where no worker looks; set broker_url"
_PART = "a part of broker_url, which is made of the six of them"
_HEARTBEATS = "heartbeats are RabbitMQ's, which comes later"
_BROADCASTS = "broadcasts come with remote control"
_NO_TIMEOUTS = "redis-py is not used; task_publish_deadline and worker_lease say how long an answer may take"
_NO_REDIS_PY = "redis-py is not used"
_SENTINEL = "Redis Sentinel comes later"

ROWS = (
    Setting(
        "broker_url", OPTIONAL_TEXT, "sqlite:///tasks.db", "Where the queues are: one URL; None is as good as unset."
    ),
    refused("broker_read_url", OPTIONAL_TEXT, None, "Where workers read, if it is another broker.", _ONE_BROKER),
    refused("broker_write_url", OPTIONAL_TEXT, None, "Where producers write, if it is another broker.", _ONE_BROKER),
    mapped("broker_transport", OPTIONAL_TEXT, None, "The scheme of the broker's URL.", _PART),
    mapped("broker_host", OPTIONAL_TEXT, None, "The host of the broker.", _PART),
    mapped("broker_port", (int, str, NoneType), None, "The port of the broker.", _PART),
    mapped("broker_user", OPTIONAL_TEXT, None, "The user at the broker.", _PART),
    mapped("broker_password", OPTIONAL_TEXT, None, "The password at the broker.", _PART, secret=True),
    mapped("broker_vhost", OPTIONAL_TEXT, None, "The virtual host or database of the broker.", _PART),
    Setting(
        "broker_use_ssl",
        (bool, dict, NoneType),
        False,
        "TLS to Redis: True, or a mapping with ssl_ca_certs, ssl_certfile, ssl_keyfile, ssl_cert_reqs.",
    ),
    Setting("broker_transport_options", DICT, {}, "Options of the transport; each is looked at by itself."),
    idle(
        "broker_connection_timeout",
        NUMBER,
        4,
        "How long connecting may take.",
        "task_publish_deadline says how long a call tries; a worker tries for ever",
        unit="seconds",
    ),
    idle(
        "broker_connection_retry",
        BOOL,
        True,
        "Whether a worker connects again after it lost its broker.",
        "a worker whose store is away waits for it and goes on",
    ),
    Setting(
        "broker_connection_retry_on_startup",
        OPTIONAL_BOOL,
        None,
        "Whether a worker waits for a store that is away when it starts; False: it ends with exit code 69.",
    ),
    idle("broker_connection_max_retries", WHOLE, 100, "How often it tries.", "a worker tries for as long as it lives"),
    idle(
        "broker_channel_error_retry",
        BOOL,
        False,
        "Whether it connects again after an error of a channel.",
        "whatever ends a session with the store, the worker begins another one",
    ),
    later(
        "broker_failover_strategy",
        ANY,
        None,
        "In which order further brokers are tried.",
        "further brokers to fail over to come with RabbitMQ and Sentinel",
    ),
    later(
        "broker_heartbeat",
        OPTIONAL_NUMBER,
        120,
        "How often RabbitMQ hears from a connection.",
        _HEARTBEATS,
        unit="seconds",
    ),
    later("broker_heartbeat_checkrate", NUMBER, 3.0, "How often in that time it is checked.", _HEARTBEATS),
    later(
        "broker_login_method", OPTIONAL_TEXT, None, "How to log in at RabbitMQ.", "logging in at RabbitMQ comes with it"
    ),
    later(
        "broker_native_delayed_delivery_queue_type",
        TEXT,
        "quorum",
        "The type of the queues in which RabbitMQ holds delayed messages back.",
        "queue types come with RabbitMQ",
    ),
    idle(
        "broker_pool_limit",
        OPTIONAL_WHOLE,
        10,
        "How many connections a producer keeps.",
        "a thread of a producer has one connection, an event loop one for all its calls",
    ),
    idle(
        "broker_pool_acquire_timeout",
        OPTIONAL_NUMBER,
        None,
        "How long to wait for one of them.",
        "there is no pool of connections to wait for",
        unit="seconds",
    ),
    idle(
        "broker_transport_options.visibility_timeout",
        NUMBER,
        3600,
        "After how long Celery gives unacknowledged messages to another worker.",
        "a worker holds what it runs by a lease, for as long as it lives",
        unit="seconds",
    ),
    Setting(
        "broker_transport_options.global_keyprefix",
        TEXT,
        "",
        "What all keys and channels in Redis begin with, those of results apart.",
    ),
    refused(
        "broker_transport_options.priority_steps",
        LIST,
        [0, 3, 6, 9],
        "The priorities for which Redis has lists.",
        "priorities lie in the lists of 0, 3, 6 and 9, as by default in Celery",
        only=(0, 3, 6, 9),
    ),
    refused(
        "broker_transport_options.sep",
        TEXT,
        "\x06\x16",
        "What stands between a queue's name and a priority.",
        "the lists of other priorities would have other names than for Celery",
    ),
    refused(
        "broker_transport_options.queue_order_strategy",
        TEXT,
        "round_robin",
        "In which order a worker looks into its queues.",
        "each claim looks at all queues in turn",
        only=("round_robin",),
    ),
    later(
        "broker_transport_options.fanout_prefix",
        (bool, str),
        True,
        "How the channels of broadcasts are called.",
        _BROADCASTS,
    ),
    later(
        "broker_transport_options.fanout_patterns", BOOL, True, "Whether broadcasts are heard by pattern.", _BROADCASTS
    ),
    idle(
        "broker_transport_options.polling_interval",
        OPTIONAL_NUMBER,
        None,
        "How long Celery's consumer waits for a message.",
        "an idle worker is woken by the store",
        unit="seconds",
    ),
    idle(
        "broker_transport_options.unacked_restore_limit",
        OPTIONAL_WHOLE,
        None,
        "How many unacknowledged messages Celery returns at once.",
        "claims of dead workers return when their lease ends, or at once on the same machine",
    ),
    idle(
        "broker_transport_options.socket_timeout",
        OPTIONAL_NUMBER,
        None,
        "A time limit of redis-py.",
        _NO_TIMEOUTS,
        unit="seconds",
    ),
    idle(
        "broker_transport_options.socket_connect_timeout",
        OPTIONAL_NUMBER,
        None,
        "A time limit of redis-py.",
        _NO_TIMEOUTS,
        unit="seconds",
    ),
    idle(
        "broker_transport_options.health_check_interval",
        OPTIONAL_NUMBER,
        None,
        "A time limit of redis-py.",
        _NO_TIMEOUTS,
        unit="seconds",
    ),
    idle("broker_transport_options.socket_keepalive", BOOL, False, "An option of redis-py.", _NO_REDIS_PY),
    idle("broker_transport_options.socket_keepalive_options", DICT, {}, "An option of redis-py.", _NO_REDIS_PY),
    idle("broker_transport_options.retry_on_timeout", BOOL, False, "An option of redis-py.", _NO_REDIS_PY),
    idle("broker_transport_options.max_connections", WHOLE, 10, "An option of redis-py.", _NO_REDIS_PY),
    idle("broker_transport_options.client_name", OPTIONAL_TEXT, None, "An option of redis-py.", _NO_REDIS_PY),
    refused("broker_transport_options.master_name", ANY, None, "An option of Redis Sentinel.", _SENTINEL),
    refused("broker_transport_options.sentinel_kwargs", ANY, None, "An option of Redis Sentinel.", _SENTINEL),
    refused("broker_transport_options.min_other_sentinels", ANY, None, "An option of Redis Sentinel.", _SENTINEL),
    refused(
        "broker_transport_options.credential_provider",
        ANY,
        None,
        "Where redis-py gets its password.",
        "redis-py is not used; put user and password into the URL",
        secret=True,
    ),
)
