"""Options of `apply_async` and `send_task`, under Celery's names, as those of a call. Pure."""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from typing import Any

from celeriac import later
from celeriac.calls.sender import Call
from celeriac.exceptions import InvalidOption, OptionWarning

_OURS = frozenset(Call.__struct_fields__) - {"task", "args", "kwargs", "embed", "stamps", "properties"}

_LATER = ("link", "link_error", "chain", "chord")
"""What calls other tasks; there is no sending it yet."""

_MEANINGLESS = frozenset(
    {
        "add_to_parent",
        "confirm_timeout",
        "connection",
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

_PROPERTIES = frozenset(
    {"app_id", "correlation_id", "cluster_id", "expiration", "message_id", "timestamp", "type", "user_id"}
)


def call_options(options: dict[str, Any]) -> dict[str, Any]:
    """The fields of `Call` that options stand for; raises `InvalidOption` for what comes in a later version.

    An option that nobody knows is one of another broker's transport, or a typing error: it warns once and counts
    for nothing.
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
    for name in options.keys() - _OURS - _MEANINGLESS - _PROPERTIES - {*_LATER, "stamps", *names}:
        _warn_of(name)
    if names:
        found["stamped_headers"] = names
        found["stamps"] = {
            **(options.get("stamps") or {}),
            **{name: options[name] for name in names if name in options},
        }
    if properties:
        found["properties"] = properties
    return found


@cache
def _warn_of(name: str) -> None:
    """Say, the first time, that an option counts for nothing."""
    near = import_module("difflib").get_close_matches(name, _OURS, n=1, cutoff=0.75)
    meant = f"; did you mean {near[0]!r}?" if near else ": the stores there are know no such property of a message"
    warnings.warn(OptionWarning(f"the option {name!r} of a call has no effect{meant}"), stacklevel=later.outside())
