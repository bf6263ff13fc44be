"""Options of `apply_async` and `send_task`, under Celery's names, as those of a call. Pure."""

from __future__ import annotations

from typing import Any

from celeriac.exceptions import InvalidOption
from celeriac.sending.sender import Call

_OURS = frozenset(Call.__struct_fields__) - {"task", "args", "kwargs", "embed", "stamps", "properties"}

_LATER = ("link", "link_error", "chain", "chord")
"""What calls other tasks; there is no sending it yet."""

_MEANINGLESS = frozenset(
    {
        "add_to_parent",
        "confirm_timeout",
        "connection",
        "correlation_id",
        "declare",
        "event_dispatcher",
        "immediate",
        "mandatory",
        "producer",
        "publisher",
        "result_cls",
        "retry",
        "retry_policy",
        "router",
        "task_type",
        "timeout",
    }
)
"""Options about connections: the store has its own, and tries again until `task_publish_deadline` is over."""

_PROPERTIES = frozenset({"app_id", "cluster_id", "expiration", "message_id", "timestamp", "type", "user_id"})


def call_options(options: dict[str, Any]) -> dict[str, Any]:
    """The fields of `Call` that options stand for; raises `InvalidOption` for what comes in a later version.

    An option that nobody knows raises TypeError, for it is a typing error more often than a property.
    """
    if _OURS.issuperset(options) and options.get("stamped_headers") is None:
        return options
    for name in _LATER:
        if options.get(name):
            raise InvalidOption(f"{name} comes with workflows, in a later version")
    stamped = options.get("stamped_headers")
    names = [stamped] if isinstance(stamped, str) else list(stamped or ())
    found = {name: value for name, value in options.items() if name in _OURS}
    properties = {name: options[name] for name in _PROPERTIES & options.keys()}
    unknown = options.keys() - _OURS - _MEANINGLESS - _PROPERTIES - {*_LATER, "stamps", *names}
    if unknown:
        raise TypeError(f"there is no option {sorted(unknown)[0]!r}")
    if names:
        found["stamped_headers"] = names
        found["stamps"] = {
            **(options.get("stamps") or {}),
            **{name: _list(options[name]) for name in names if name in options},
        }
    if properties:
        found["properties"] = properties
    return found


def _list(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple | set) else [value]
