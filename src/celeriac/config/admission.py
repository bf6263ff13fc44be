"""Whether a setting may have a value, and what is said about it. A value that passes here means what it says."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Sequence
from datetime import timedelta, tzinfo
from types import NoneType
from typing import Any

from celeriac.config.secrets import shown
from celeriac.config.setting import Setting, Standing
from celeriac.config.table import NESTED, OLD_NAMES, OPTIONS, TABLE
from celeriac.exceptions import ImproperlyConfigured, SettingWarning

NOTHING = ("none", "null")
TRUTHS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off", ""), False),
}
"""What a text means, for a setting that is True or False."""

ADD_ONS = (
    "redbeat_",
    "flower_",
    "django_celery_",
    "celery_once_",
    "singleton_",
    "beat_dburi",
    "beat_schema",
    "beat_engine_options",
    "mongodb_scheduler_",
    "batches_",
)
"""What the settings of add-ons begin with: they are never taken for misspelt ones of ours."""

_PREFIXES = ("celeriac_", "celery_")
OF_OLD = ("CELERY", "BROKER_")
"""What older names begin with that nobody else uses."""
_NEAR = 0.85


def known_name(name: str, *, prefix: str = "", written: str | None = None) -> str | None:
    """The setting of that name or older name; None for one that is an add-on's or the user's own.

    One that looks like a setting and is none warns, with what it was probably meant to be: it is kept, and changes
    nothing. `prefix` is what the names of settings begin with there, and `written` the name as the user has it.
    """
    if name in TABLE:
        return name
    if name in OLD_NAMES:
        return OLD_NAMES[name]
    near = nearest(name)
    if near is not None:
        given = written or prefix + name
        meant = repr(prefix + (near.upper() if prefix and given.isupper() else near))
        if not prefix and name == f"CELERY_{near.upper()}":
            meant += ', or namespace="CELERY"'
        warn(f"no setting is called {given!r}, and it has no effect here; did you mean {meant}?")
    return None


def nearest(name: str) -> str | None:
    """The setting that a name was probably meant to be, by its new name or by an older one."""
    import difflib

    lower = name.lower()
    if lower.startswith(ADD_ONS):
        return None
    for prefix in _PREFIXES:
        # As a settings module of Django's has them, but read without the namespace.
        if lower.removeprefix(prefix) in TABLE:
            return lower.removeprefix(prefix)
    # Only what begins like an older name is compared with them: each comparison takes time.
    names = [*TABLE, *OLD_NAMES] if name.startswith(OF_OLD) else [*TABLE]
    written: tuple[str, ...] = (lower, name) if name.startswith(OF_OLD) else (lower,)
    for one in written:
        for near in difflib.get_close_matches(one, names, n=1, cutoff=_NEAR):
            return near
    return None


def admit(name: str, value: Any) -> Any:
    """The value as it is kept: a `timedelta` becomes seconds. Raises `ImproperlyConfigured`, or warns."""
    return _admit(TABLE[name], value)


def _admit(row: Setting, value: Any) -> Any:
    if isinstance(value, str):
        value = _read(row, value)
    elif type(value) is int and value in (0, 1) and bool in kinds_of(row) and int not in kinds_of(row):
        value = bool(value)
    if isinstance(value, timedelta) and row.unit == "seconds":
        value = value.total_seconds()
    if isinstance(value, tzinfo):
        # By name it reaches the core of a worker: zoneinfo's have a key, pytz's a zone.
        value = getattr(value, "key", None) or getattr(value, "zone", None) or str(value)
    if row.name == "broker_url" and isinstance(value, list | tuple):
        value = _only_broker(value)
    _check(row, value)
    if row.name in NESTED:
        for key, entry in value.items():
            _admit_entry(row.name, key, entry)
    if not means_the_usual(row, value):
        _speak(row, value)
    if row.name == "task_queues" and isinstance(value, list | tuple):
        for queue in filter(is_broadcast, value):
            warn(f"the queue {queue.alias!r} of task_queues has no effect yet: broadcasts come later")
    return value


def _only_broker(urls: Sequence[Any]) -> Any:
    if len(urls) != 1:
        raise ImproperlyConfigured(
            f"broker_url names {len(urls)} brokers: going over to another one when one fails is not there yet; name one"
        )
    return urls[0]


def is_broadcast(queue: Any) -> bool:
    """Whether this is kombu's `Broadcast`: each worker would get what is sent there."""
    return any((kind.__module__, kind.__name__) == ("kombu.common", "Broadcast") for kind in type(queue).__mro__)


def _read(row: Setting, text: str) -> Any:
    """A text as a number or a truth, for a setting that takes no texts: environment variables have nothing else.

    The text itself if it is none of these. An empty one, which a variable that is not set often leaves, is None where
    that is possible, else False.
    """
    kinds = kinds_of(row)
    if not text and NoneType in kinds:
        return None
    if row.choices or not kinds.isdisjoint((str, object)):
        return int(text) if int in kinds and row.choices and text.isdecimal() else text
    word = text.strip().lower()
    if NoneType in kinds and word in NOTHING:
        return None
    if bool in kinds and word in TRUTHS:
        return TRUTHS[word]
    for kind in (int, float):
        try:
            if kind in kinds:
                return kind(word)
        except ValueError:
            pass
    return text


def kinds_of(row: Setting) -> frozenset[type]:
    """The types of its values."""
    return frozenset(row.kind if isinstance(row.kind, tuple) else (row.kind,))


def _check(row: Setting, value: Any) -> None:
    """Type, range, choices: what is wrong is said with the line of the table."""
    wrong = ""
    if not _is_of(row.kind, value):
        wrong = _kinds(row)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if row.minimum is not None and not value >= row.minimum:
            wrong = f"at least {row.minimum:g}"
        elif row.maximum is not None and not value <= row.maximum:
            wrong = f"at most {row.maximum:g}"
    elif row.choices and isinstance(value, str) and value not in row.choices:
        wrong = _kinds(row)
    elif row.name == "timezone" and isinstance(value, str):
        wrong = _wrong_zone(value)
    if wrong:
        unit = f" In {row.unit}." if row.unit else ""
        raise ImproperlyConfigured(f"{row.name} cannot be {shown(row.name, value)} but {wrong}. {row.doc}{unit}")


def _is_of(kind: type | tuple[type, ...], value: Any) -> bool:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    # True is a number to Python, and hardly ever meant as one.
    return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds or object in kinds)


_KINDS = {
    str: "a text",
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    dict: "a dictionary",
    list: "a list",
    bytes: "bytes",
    set: "a set",
    type(None): "None",
    tzinfo: "a tzinfo",
}


def _kinds(row: Setting) -> str:
    kinds = row.kind if isinstance(row.kind, tuple) else (row.kind,)
    words = [_KINDS[kind] for kind in kinds if kind in _KINDS and not (kind is str and row.choices)]
    return " or ".join([*map(repr, row.choices), *words])


def _wrong_zone(name: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return "the name of a time zone that this machine knows"
    return ""


def means_the_usual(row: Setting, value: Any) -> bool:
    """Whether this is what happens anyway."""
    usual = row.only or (row.default,)
    if isinstance(value, list | tuple | set | frozenset):
        return list(value) == row.default or value == row.default or all(item in usual for item in value)
    return any(value is item or value == item for item in usual)


def _admit_entry(name: str, key: Any, entry: Any) -> None:
    row = OPTIONS.get(f"{name}.{key}")
    if row is not None:
        _admit(row, entry)
    else:
        warn(f"{name}[{key!r}] has no effect here: no such option is known")


def _speak(row: Setting, value: Any) -> None:
    if row.standing is Standing.REFUSED:
        raise ImproperlyConfigured(f"{row.name} cannot be {shown(row.name, value)}: {row.note}")
    if row.standing is Standing.IDLE:
        warn(f"{row.name} has no effect here: {row.note}")
    if row.standing is Standing.LATER:
        warn(f"{row.name} has no effect yet: {row.note}")


def warn(text: str) -> None:
    """Warn whoever called into this package, as if it had happened there."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "celeriac":
        level, frame = level + 1, frame.f_back
    warnings.warn(text, SettingWarning, stacklevel=level)


def collected(given: Iterable[tuple[str, str, Any]]) -> dict[str, Any]:
    """Settings by name, from (setting, name it was given by, value); two that contradict each other are refused."""
    values: dict[str, Any] = {}
    names: dict[str, str] = {}
    for setting, name, value in given:
        if setting in values and values[setting] != value:
            raise ImproperlyConfigured(
                f"{names[setting]} = {shown(setting, values[setting])} and {name} = {shown(setting, value)} "
                f"contradict each other: both are {setting}"
            )
        values[setting], names[setting] = value, name
    return values
