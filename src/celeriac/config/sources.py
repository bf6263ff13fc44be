"""Where settings come from besides code: objects and modules, the environment, `pyproject.toml`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from celeriac.config.admission import NOTHING, OF_OLD, TRUTHS, admit, collected, known_name
from celeriac.config.setting import Setting
from celeriac.config.table import OLD_NAMES, TABLE
from celeriac.exceptions import ImproperlyConfigured

PREFIX = "CELERIAC_"
CONFIG_VARIABLE = "CELERY_CONFIG_MODULE"
"""Celery's: it names the module with the settings of apps that name none themselves."""
_CELERYS_VARIABLES = {
    "CELERY_BROKER_URL": "broker_url",
    "CELERY_BROKER_READ_URL": "broker_read_url",
    "CELERY_BROKER_WRITE_URL": "broker_write_url",
    "CELERY_RESULT_BACKEND": "result_backend",
}
_OTHER_VARIABLES = frozenset(
    {"CELERIAC_APP", "CELERIAC_AS_CELERY", "CELERIAC_DIR", "CELERIAC_GRACE", "CELERIAC_POOL", "CELERIAC_RUNTIME_DIR"}
)
_DJANGOS_ZONE = "TIME_ZONE"
_OUR_TABLE = rb"(?m)^\s*(?:\[.*celeriac|celeriac\s*(?:\.|=\s*\{))"
"""What a `pyproject.toml` has in some line that has a table `tool.celeriac`, however it is written."""


class Source(NamedTuple):
    """What `config_from_object` was given; read when the first setting is read."""

    thing: Any
    silent: bool = False
    namespace: str | None = None

    def read(self) -> dict[str, Any]:
        """The settings in it; nothing if it is not there and nobody minds."""
        thing = self.thing
        if isinstance(thing, str):
            try:
                thing = load(thing)
            except (ImportError, AttributeError):
                if self.silent:
                    return {}
                raise
        prefix = f"{self.namespace.rstrip('_')}_" if self.namespace else ""
        return admitted(_named(thing, prefix))


def load(name: str) -> Any:
    """The object that `module`, `module:attribute` or `module.attribute` names; modules here are found, too."""
    module, colon, attribute = name.partition(":")
    with _FromHere():
        if colon:
            return getattr(import_module(module), attribute)
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            module, dot, attribute = name.rpartition(".")
            if not dot or error.name != name:
                raise
            return getattr(import_module(module), attribute)


class _FromHere:
    """Lets modules of the current folder be imported, as they are by a worker."""

    def __enter__(self) -> None:
        self._folder = os.getcwd()
        sys.path.insert(0, self._folder)

    def __exit__(self, *_: object) -> None:
        if self._folder in sys.path:
            sys.path.remove(self._folder)


def admitted(given: Iterator[tuple[str, str, Any]]) -> dict[str, Any]:
    """Settings by name, each looked at; what is not in the table is kept as it is."""
    return {name: admit(name, value) if name in TABLE else value for name, value in collected(given).items()}


def from_mapping(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a dictionary."""
    return admitted((known_name(name) or name, name, value) for name, value in values.items())


class Unread(NamedTuple):
    """A setting of somebody else's, in an object that may compute it: it is read when it is asked for."""

    thing: Any
    name: str

    def read(self) -> Any:
        """The value; raises what the object raises."""
        return getattr(self.thing, self.name)


_COMPUTED = object()


def _named(thing: Any, prefix: str) -> Iterator[tuple[str, str, Any]]:
    """Setting, name and value of all that a dictionary, a module or another object has.

    Of an object only what is a setting is read: others may be properties that raise, or cost something.
    """
    names = [name for name in thing if isinstance(name, str)] if isinstance(thing, Mapping) else _public(thing)
    zone_said = False
    for name in names:
        if name == _DJANGOS_ZONE:
            continue
        setting = _within(name, prefix) if prefix else known_name(name) or name
        if setting in TABLE:
            zone_said = zone_said or setting == "timezone"
            yield setting, name, _value(thing, name)
        elif setting is not None and not _is_code(value := _plain_value(thing, name)):
            yield setting, name, Unread(thing, name) if value is _COMPUTED else value
    # Where Celery's own name for it is not used.
    if not zone_said and _DJANGOS_ZONE in names and (zone := _value(thing, _DJANGOS_ZONE)) is not None:
        yield "timezone", _DJANGOS_ZONE, zone


def _public(thing: Any) -> list[str]:
    return [name for name in dir(thing) if not name.startswith("_")]


def _value(thing: Any, name: str) -> Any:
    return thing[name] if isinstance(thing, Mapping) else getattr(thing, name)


def _plain_value(thing: Any, name: str) -> Any:
    """The value if it simply lies there, `_COMPUTED` if code of the object's would have to run for it."""
    if isinstance(thing, Mapping):
        return thing[name]
    kinds = thing.__mro__ if isinstance(thing, type) else (thing, *type(thing).__mro__)
    for kind in kinds:
        found = getattr(kind, "__dict__", {}).get(name, _COMPUTED)
        if found is not _COMPUTED:
            return _COMPUTED if hasattr(found, "__get__") and not _is_code(found) else found
    return _COMPUTED


def _within(name: str, prefix: str) -> str | None:
    """The setting, or own name, that is meant by a name among others that are none of ours."""
    if name.startswith(prefix):
        rest = name[len(prefix) :].lower()
        if rest in TABLE:
            return rest
        return OLD_NAMES.get(name) or known_name(rest, prefix=prefix, written=name) or rest
    if name in TABLE:
        return name
    return OLD_NAMES.get(name) if name.startswith(OF_OLD) else None


def _is_code(value: Any) -> bool:
    return isinstance(value, ModuleType | type | classmethod) or callable(value)


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """What `CELERIAC_...` says, each by the type of its setting, and Celery's own variables below that."""
    values: dict[str, Any] = {}
    for variable, name in _CELERYS_VARIABLES.items():
        if environment.get(variable):
            values[name] = environment[variable]
    for variable, text in environment.items():
        if variable.startswith(PREFIX) and text and variable not in _OTHER_VARIABLES:
            rest = variable[len(PREFIX) :]
            name = rest.lower()
            if name in TABLE:
                values[name] = parse(TABLE[name], text, variable)
            elif rest.isupper():
                known_name(name, prefix=PREFIX, written=variable)
    return {name: admit(name, value) for name, value in values.items()}


def parse(row: Setting, text: str, variable: str) -> Any:
    """The value that a text means for a setting; raises `ImproperlyConfigured`."""
    kinds = row.kind if isinstance(row.kind, tuple) else (row.kind,)
    word = text.strip()
    if type(None) in kinds and word.lower() in NOTHING:
        return None
    for kind, read in _READERS:
        if kind in kinds:
            value = read(word)
            if value is not None:
                return value
    if (str in kinds and (not row.choices or text in row.choices)) or object in kinds:
        return text
    raise ImproperlyConfigured(f"{variable} cannot be read as {row.name}. {row.doc}")


def _read_bool(word: str) -> bool | None:
    return TRUTHS.get(word.lower())


def _read_number(kind: type) -> Callable[[str], Any]:
    def read(word: str) -> Any:
        try:
            return kind(word)
        except ValueError:
            return None

    return read


def _read_dict(word: str) -> Any:
    return _read_json(word) if word.startswith("{") else None


def _read_list(word: str) -> Any:
    """JSON, or words between commas."""
    if word.startswith("["):
        return _read_json(word)
    return tuple(item.strip() for item in word.split(",") if item.strip())


def _read_json(word: str) -> Any:
    import msgspec

    try:
        return msgspec.json.decode(word)
    except ValueError:
        return None


_READERS: tuple[tuple[type, Callable[[str], Any]], ...] = (
    (int, _read_number(int)),
    (float, _read_number(float)),
    (bool, _read_bool),
    (dict, _read_dict),
    (object, _read_dict),
    (list, _read_list),
)


def from_pyproject(folder: str) -> dict[str, Any]:
    """The table `[tool.celeriac]` of the project's `pyproject.toml`; nothing if there is none."""
    name = os.path.join(folder, "pyproject.toml")
    try:
        with open(name, "rb") as file:
            data = file.read()
    except OSError:
        return {}
    # Nearly no project has one, and the parser costs a first call some milliseconds.
    if not re.search(_OUR_TABLE, data):
        return {}
    import tomllib

    try:
        table = tomllib.loads(data.decode()).get("tool", {}).get("celeriac", {})
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from None
    if not isinstance(table, dict):
        raise ImproperlyConfigured(f"{name}: [tool.celeriac] is no table")
    return from_mapping(table)
