"""Whether a setting may have a value, and what is said about it. A value that passes here means what it says."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Sequence
from datetime import timedelta, tzinfo
from typing import Any

from celeriac.config.secrets import shown
from celeriac.config.setting import Setting, Standing
from celeriac.config.table import NESTED, OLD_NAMES, OPTIONS, TABLE
from celeriac.exceptions import ImproperlyConfigured, SettingWarning

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

_NEAR = 0.85


def known_name(name: str, *, prefix: str = "") -> str | None:
    """The setting of that name or older name; None for one that is an add-on's or the user's own.

    A name that is nearly a known one raises `ImproperlyConfigured`; `prefix` is what names begin with there.
    """
    if name in TABLE:
        return name
    if name in OLD_NAMES:
        return OLD_NAMES[name]
    near = nearest(name)
    if near is not None:
        raise ImproperlyConfigured(
            f"no setting is called {prefix + name!r}; did you mean {_written_as(near, prefix)!r}? "
            f"(a name of your own must not look like one of these)"
        )
    return None


def nearest(name: str) -> str | None:
    """The setting that a name was probably meant to be."""
    import difflib

    lower = name.lower()
    if lower.startswith(ADD_ONS):
        return None
    return next(iter(difflib.get_close_matches(lower, TABLE, n=1, cutoff=_NEAR)), None)


def _written_as(name: str, prefix: str) -> str:
    return prefix + name.upper() if prefix.isupper() else prefix + name


def admit(name: str, value: Any) -> Any:
    """The value as it is kept: a `timedelta` becomes seconds. Raises `ImproperlyConfigured`, or warns."""
    return _admit(TABLE[name], value)


def _admit(row: Setting, value: Any) -> Any:
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
    return value


def _only_broker(urls: Sequence[Any]) -> Any:
    if len(urls) != 1:
        raise ImproperlyConfigured(
            f"broker_url names {len(urls)} brokers: going over to another one when one fails is not there yet; name one"
        )
    return urls[0]


def _check(row: Setting, value: Any) -> None:
    """Type, range, choices: what is wrong is said with the line of the table."""
    wrong = ""
    if not _is_of(row.kind, value):
        wrong = _kinds(row.kind)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if row.least is not None and not value >= row.least:
            wrong = f"at least {row.least:g}"
        elif row.most is not None and not value <= row.most:
            wrong = f"at most {row.most:g}"
    elif row.choices and value not in row.choices:
        wrong = " or ".join(map(repr, row.choices))
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


def _kinds(kind: type | tuple[type, ...]) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return " or ".join(_KINDS[one] for one in kinds if one in _KINDS)


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
