"""Messages, their limits and their safety; dead letters."""

from __future__ import annotations

from types import NoneType

from celeriac.config.setting import NUMBER, OPTIONAL_NUMBER, OPTIONAL_TEXT, TEXT, WHOLE, Setting, later, refused

_ONLY_JSON = "only JSON is written and read so far"
_SIGNED = "signed messages come later, and whoever asks for them must not get unsigned ones"

ROWS = (
    Setting(
        "task_serializer",
        TEXT,
        "json",
        "How arguments are written: json, msgpack, yaml or pickle.",
        old=("CELERY_TASK_SERIALIZER",),
    ),
    Setting(
        "accept_content",
        (list, tuple, set, frozenset),
        ("json",),
        "What a worker reads: names of serializers or content types.",
        old=("CELERY_ACCEPT_CONTENT",),
    ),
    Setting(
        "task_compression",
        OPTIONAL_TEXT,
        None,
        "How arguments are compressed: gzip, bzip2, lzma, brotli or zstd.",
        old=("CELERY_MESSAGE_COMPRESSION",),
    ),
    refused(
        "task_protocol",
        WHOLE,
        2,
        "The version of Celery's message format.",
        "version 2 is written; workers read version 1 as well",
        old=("CELERY_TASK_PROTOCOL",),
        only=(2,),
    ),
    later(
        "task_repr_maxlevels",
        WHOLE,
        3,
        "How deep the arguments are shown in messages and logs.",
        "what is long is shown short, whatever its depth",
        old=("CELERY_REPR_MAXLEVELS",),
    ),
    Setting(
        "message_max_bytes",
        WHOLE,
        67108864,
        "The longest message, as it lies in the queue.",
        unit="bytes",
        minimum=1024,
        celery=False,
    ),
    Setting(
        "message_max_header_bytes",
        WHOLE,
        1048576,
        "The longest message without its body.",
        unit="bytes",
        minimum=1024,
        celery=False,
    ),
    Setting(
        "message_max_body_bytes", WHOLE, 67108864, "The longest body, unpacked.", unit="bytes", minimum=1, celery=False
    ),
    Setting(
        "message_max_ratio",
        WHOLE,
        100,
        "How many times its length a body of more than 32 MiB may unpack to.",
        minimum=1,
        celery=False,
    ),
    Setting("message_max_items", WHOLE, 10000000, "The most values in a body.", minimum=1, celery=False),
    Setting("message_max_depth", WHOLE, 1000, "How deep the values of a body may nest.", minimum=1, celery=False),
    Setting(
        "dead_letter_limit",
        WHOLE,
        10000,
        "How many dead letters are kept; the oldest fall out.",
        minimum=1,
        celery=False,
    ),
    Setting(
        "dead_letter_expires",
        NUMBER,
        2592000,
        "How long a dead letter is kept.",
        unit="seconds",
        minimum=0,
        celery=False,
    ),
    Setting(
        "failed_limit",
        WHOLE,
        10000,
        "How many failed tasks are kept to be run again; the oldest fall out, 0 keeps none.",
        minimum=0,
        celery=False,
    ),
    Setting(
        "failed_expires",
        OPTIONAL_NUMBER,
        None,
        "How long a failed task is kept to be run again; None, as long as results are.",
        unit="seconds",
        minimum=0,
        celery=False,
    ),
    Setting(
        "failed_max_bytes",
        WHOLE,
        65536,
        "The largest message of a failed task that is kept.",
        unit="bytes",
        minimum=0,
        celery=False,
    ),
    refused(
        "security_key",
        OPTIONAL_TEXT,
        None,
        "The file of the private key that signs messages.",
        _SIGNED,
        old=("CELERY_SECURITY_KEY",),
    ),
    refused(
        "security_key_password",
        (str, bytes, NoneType),
        None,
        "Its password.",
        _SIGNED,
        old=("CELERY_SECURITY_KEY_PASSWORD",),
        secret=True,
    ),
    refused(
        "security_certificate",
        OPTIONAL_TEXT,
        None,
        "The file of the certificate that goes with it.",
        _SIGNED,
        old=("CELERY_SECURITY_CERTIFICATE",),
    ),
    refused(
        "security_cert_store",
        OPTIONAL_TEXT,
        None,
        "Where the certificates of others lie.",
        _SIGNED,
        old=("CELERY_SECURITY_CERT_STORE",),
    ),
    refused("security_digest", TEXT, "sha256", "The hash that is signed.", _SIGNED, old=("CELERY_SECURITY_DIGEST",)),
)
