"""One value of each kind that Celery's JSON can carry."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any

VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "negative": -17,
    "huge": 2**70,
    "float": 0.1,
    "tiny": 5e-324,
    "infinite": float("inf"),
    "empty text": "",
    "text": 'Grüße, 世界, 🦆, "quoted" \\ and \n\t\x00\x7f',
    "list": [1, [2, [3, []]], {}],
    "object": {"a": {"b": {"c": [None]}}, "": 0, "ü": 1},
    "naive datetime": datetime.datetime(2024, 2, 29, 23, 59, 59, 123456),
    "aware datetime": datetime.datetime(2024, 2, 29, 12, 0, tzinfo=datetime.UTC),
    "other zone": datetime.datetime(
        2024, 7, 1, 12, 0, tzinfo=datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    ),
    "date": datetime.date(2024, 2, 29),
    "time": datetime.time(23, 59, 59, 999999),
    "decimal": decimal.Decimal("12345678901234567890.0123456789"),
    "uuid": uuid.UUID("12345678-1234-4678-9234-567812345678"),
    "bytes": b"plain bytes",
    "binary": bytes(range(256)),
    "nested": {"when": [datetime.date(2024, 1, 1)], "who": {"id": uuid.UUID(int=7)}, "price": decimal.Decimal("0.10")},
}
