"""`app.conf`: the settings of an app, whatever says them.

What goes before what, the first that says something counts: the environment (`CELERIAC_...`); what code sets
(keywords of `Celeriac`, `app.conf.name = value`); `config_from_object`, or else the module that CELERY_CONFIG_MODULE
names; `[tool.celeriac]` of the project's `pyproject.toml`; `add_defaults`; the table. All of it is read when the first
setting is, and not before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, Self

from celeriac.config import derived, secrets
from celeriac.config.admission import admit, means_the_usual, warn
from celeriac.config.setting import Setting
from celeriac.config.sources import CONFIG_VARIABLE, Source, Unread, from_environment, from_mapping, from_pyproject
from celeriac.config.table import OLD_NAMES, TABLE

Defaults = Mapping[str, Any] | Callable[[], Mapping[str, Any]]


class Settings(MutableMapping[str, Any]):
    """Settings by attribute or by key, under Celery's new names or its old ones.

    A name that is nearly a known one warns, with the right name suggested; it is kept, as any other unknown name is,
    for add-ons. A value of the wrong type or out of its range raises `ImproperlyConfigured` where
    it is set; what has no effect warns. `folder` tells where the project is whose `pyproject.toml` counts.
    `revision` grows with every change, for those who keep what they have made of settings.
    """

    revision: int

    # Values live in the instance's own dictionary, defaults included, once they are read: producers read them
    # for every message. Until then nothing is there, and `__getattr__` is asked.

    def __init__(
        self, values: Mapping[str, Any] | None = None, *, folder: Callable[[], str | None] = lambda: None
    ) -> None:
        self.__dict__.update(
            _changes=from_mapping(values or {}),
            _folder=folder,
            _source=None,
            _added=[],
            _below=None,
            _environment={},
            _own={},
            revision=0,
        )

    # -- sources ----------------------------------------------------------------

    def read_from(self, source: Source) -> None:
        """Take the settings of an object or module from now on, in place of those of any before."""
        self.__dict__["_source"] = source
        self._forget()

    def add_defaults(self, defaults: Defaults) -> None:
        """Settings that count where nobody says anything else; a callable is called when they are needed."""
        self._added.append(defaults)
        self._forget()

    def _forget(self) -> None:
        if self.configured:
            self.read()

    @property
    def configured(self) -> bool:
        """Whether the sources have been read."""
        return self._below is not None

    def read(self) -> None:
        """Read all sources now, again if they have been read."""
        below = {name: _copied(row) for name, row in TABLE.items()}
        given: set[str] = set()
        folder = self._folder()
        layers = [from_mapping(added() if callable(added) else added) for added in self._added]
        layers.append(from_pyproject(folder) if folder is not None else {})
        layers.append(self._chosen_source().read())
        for layer in layers:
            below.update(layer)
            given.update(layer)
        environment = from_environment(os.environ)
        values = self._laid_over(below, given, environment)
        derived.check(values)
        self.__dict__.update(_environment=environment, _given=given, _below=below)
        self._keep(values)

    def _chosen_source(self) -> Source:
        """What `config_from_object` was given; without it, the module that `celeriac --config` names."""
        module = os.environ.get(CONFIG_VARIABLE, "")
        if self._source is None:
            return Source(module or {})
        source: Source = self._source
        name = getattr(source.thing, "__name__", source.thing)
        if module and module not in (name, getattr(source.thing, "__module__", None)):
            warn(f"{CONFIG_VARIABLE}={module} has no effect here: the app takes its settings from elsewhere")
        return source

    def _laid_over(self, below: Mapping[str, Any], given: set[str], environment: Mapping[str, Any]) -> dict[str, Any]:
        """What counts of all layers, and what follows from it."""
        values = {**below, **self._changes, **environment}
        derived.derive(values, given | self._changes.keys() | environment.keys())
        return values

    def _keep(self, values: Mapping[str, Any]) -> None:
        # A name of somebody else's could be that of a method.
        self.__dict__["_own"] = {name: value for name, value in values.items() if name not in TABLE}
        self.__dict__.update((name, values[name]) for name in TABLE)
        self.__dict__["revision"] += 1

    def check(self) -> None:
        """Look at all settings once more, as they are now; workers do before they start.

        Raises `ImproperlyConfigured` for what contradicts itself, and for values changed in place that could not
        have been set.
        """
        derived.check({name: self[name] for name in TABLE})
        for name, row in TABLE.items():
            if isinstance(row.default, dict) and not means_the_usual(row, self[name]):
                admit(name, self[name])

    # -- reading ----------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if not self.configured:
            self.read()
        known = OLD_NAMES.get(name, name)
        if known in TABLE:
            return self.__dict__[known]
        if known in self._own:
            return self._read_own(known)
        raise AttributeError(f"no setting is called {name!r}")

    def __getitem__(self, name: str) -> Any:
        if name in TABLE or name not in self._own:
            try:
                return self.__getattr__(name)
            except AttributeError:
                raise KeyError(name) from None
        return self._read_own(name)

    def _read_own(self, name: str) -> Any:
        value = self._own[name]
        return value.read() if isinstance(value, Unread) else value

    def __iter__(self) -> Iterator[str]:
        self.finalize()
        return iter([*TABLE, *self._own])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in TABLE or name in OLD_NAMES or name in list(self)

    # -- setting ----------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def update(self, values: Any = (), /, **more: Any) -> None:
        """Set several at once."""
        self._changes.update(from_mapping({**dict(values), **more}))
        self._laid_anew()

    def __delitem__(self, name: str) -> None:
        """Take back what code has set: what the other sources say counts again."""
        del self._changes[OLD_NAMES.get(name, name)]
        self._laid_anew()

    def __delattr__(self, name: str) -> None:
        del self[name]

    def clear(self) -> None:
        """Take back all that code has set."""
        self._changes.clear()
        self._laid_anew()

    def _laid_anew(self) -> None:
        if self.configured:
            self._keep(self._laid_over(self._below, self._given, self._environment))

    # -- showing ----------------------------------------------------------------

    @property
    def changes(self) -> dict[str, Any]:
        """What code has set."""
        return dict(self._changes)

    @property
    def defaults(self) -> list[dict[str, Any]]:
        """What counts where code has set nothing: what the other sources say but for the environment, and the table."""
        self.finalize()
        said = {name: self._below[name] for name in self._given}
        return [said, {name: row.default for name, row in TABLE.items()}]

    def finalize(self) -> Self:
        """Read the sources, if they have not been read."""
        if not self.configured:
            self.read()
        return self

    def copy(self) -> Settings:
        """Settings with the same values and sources, which can be changed by themselves."""
        other = Settings(folder=self._folder)
        other.__dict__.update(_changes=dict(self._changes), _source=self._source, _added=list(self._added))
        return other

    __copy__ = copy

    def first(self, *names: str) -> Any:
        """The value of the first of these settings that is there and not None; else None."""
        return next((value for name in names if (value := self.get(name)) is not None), None)

    def value_set_for(self, name: str) -> bool:
        """Whether anybody has set it."""
        return OLD_NAMES.get(name, name) in self.without_defaults()

    def get_by_parts(self, *parts: str) -> Any:
        """A setting whose name is put together of these."""
        return self["_".join(part for part in parts if part)]

    def without_defaults(self) -> dict[str, Any]:
        """What was set, by whomever."""
        self.finalize()
        return {name: self[name] for name in [*self._given, *self._changes, *self._environment]}

    def table(self, with_defaults: bool = False, censored: bool = True) -> dict[str, Any]:
        """All settings, or those that were set, in the order of their names; passwords and keys are hidden."""
        self.finalize()
        names = {*(self if with_defaults else [*self._given, *self._changes, *self._environment])}
        values = {name: self._shown(name) for name in sorted(names)}
        return {name: secrets.censored(name, value) if censored else value for name, value in values.items()}

    def _shown(self, name: str) -> Any:
        """A value; of somebody else's that cannot be had, why."""
        try:
            return self[name]
        except Exception as error:
            return error

    def humanize(self, with_defaults: bool = False, censored: bool = True) -> str:
        """The same as text, a line each."""
        return "\n".join(f"{name}: {value!r}" for name, value in self.table(with_defaults, censored).items())

    def __repr__(self) -> str:
        if not self.configured:
            return "<Settings, not read yet>"
        return f"<Settings {self.table()}>"


class Entries(dict[str, Any]):
    """A setting that is a dictionary and that nobody has set: what code puts into it is looked at as if it were set.

    A copy of it, and what is pickled of it, is a plain dictionary.
    """

    def __init__(self, setting: str, entries: Mapping[str, Any]) -> None:
        super().__init__(entries)
        self._setting = setting

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def update(self, *entries: Any, **more: Any) -> None:
        """Set several at once, or none of them."""
        new = dict(*entries, **more)
        admit(self._setting, new)
        super().update(new)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The entry, which is set if it is not there."""
        if key not in self:
            self[key] = default
        return self[key]

    def __ior__(self, entries: Any) -> Self:  # type: ignore[override, misc] # dict allows pairs as well
        self.update(entries)
        return self

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)


def _copied(row: Setting) -> Any:
    default = row.default
    if isinstance(default, dict):
        return Entries(row.name, default)
    return default.copy() if isinstance(default, list) else default
