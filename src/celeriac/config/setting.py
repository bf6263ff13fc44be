"""What is known of one setting, and the words its rows are written with."""

from __future__ import annotations

from enum import StrEnum
from types import NoneType
from typing import Any, NamedTuple


class Standing(StrEnum):
    """What becomes of a setting whose value differs from what happens here anyway."""

    HONOURED = "honoured"
    """It does what its line says."""
    MAPPED = "mapped"
    """It sets other settings, as its note says."""
    IDLE = "no effect"
    """It is kept, and a warning says why it changes nothing."""
    LATER = "later"
    """What it is about is not built yet and nothing is harmed without it: it is kept, with a warning."""
    REFUSED = "refused"
    """To go on without it would lose work or do it differently: `ImproperlyConfigured` says why."""


class Setting(NamedTuple):
    """One row. `unit` is empty for what has none, `old` are Celery's older names for
    the same thing, where they are more than the name in capitals.

    `least`, `most` and `choices` are what a value may be beyond its type. `only` are the values that mean what
    happens here anyway, the default if it is empty; of a list, each item is looked at. `note` says why a
    setting is not simply honoured. `celery` is true for a setting that Celery has, too.
    """

    name: str
    kind: type | tuple[type, ...]
    default: Any
    doc: str
    unit: str = ""
    old: tuple[str, ...] = ()
    standing: Standing = Standing.HONOURED
    note: str = ""
    only: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False
    celery: bool = True


TEXT = str
BOOL = bool
WHOLE = int
NUMBER = (int, float)
DICT = dict
LIST = (list, tuple)
NAMES = (list, tuple, str)
ANY = object
OPTIONAL_TEXT = (str, NoneType)
OPTIONAL_BOOL = (bool, NoneType)
OPTIONAL_WHOLE = (int, NoneType)
OPTIONAL_NUMBER = (int, float, NoneType)
OPTIONAL_DICT = (dict, NoneType)
OPTIONAL_LIST = (list, tuple, NoneType)


def mapped(name: str, kind: Any, default: Any, doc: str, note: str, **more: Any) -> Setting:
    """The row of a setting that sets others."""
    return Setting(name, kind, default, doc, standing=Standing.MAPPED, note=note, **more)


def idle(name: str, kind: Any, default: Any, doc: str, note: str, **more: Any) -> Setting:
    """The row of a setting that has nothing to change here."""
    return Setting(name, kind, default, doc, standing=Standing.IDLE, note=note, **more)


def later(name: str, kind: Any, default: Any, doc: str, note: str, **more: Any) -> Setting:
    """The row of a setting for something that is not built yet and can be done without."""
    return Setting(name, kind, default, doc, standing=Standing.LATER, note=note, **more)


def refused(name: str, kind: Any, default: Any, doc: str, note: str, **more: Any) -> Setting:
    """The row of a setting that cannot be met and must not be passed over."""
    return Setting(name, kind, default, doc, standing=Standing.REFUSED, note=note, **more)
