"""`app.conf`: the settings of an app, whatever says them.

What goes before what, the first that says something counts: the environment (`CELERIAC_...`); what code sets
(keywords of `Celeriac`, `app.conf.name = value`); `config_from_object`, or else the module that CELERY_CONFIG_MODULE
names; `[tool.celeriac]` of the project's `pyproject.toml`; `add_defaults`; the table. All of it is read when the first
setting is, and not before.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from celeriac.config import derived, secrets
from celeriac.config.admission import admit, known_name, means_the_usual, warn
from celeriac.config.sources import CONFIG_VARIABLE, Source, from_environment, from_mapping, from_pyproject
from celeriac.config.table import OLD_NAMES, TABLE

Defaults = Mapping[str, Any] | Callable[[], Mapping[str, Any]]


class Settings(MutableMapping[str, Any]):
    """Settings by attribute or by key, under Celery's new names or its old ones.

    A name that is nearly a known one is refused with the right name suggested; any other unknown name is
    kept as it is, for add-ons. A value of the wrong type or out of its range raises `ImproperlyConfigured` where
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
        below = {name: _copied(row.default) for name, row in TABLE.items()}
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
            return self._own[known]
        raise AttributeError(f"no setting is called {name!r}")

    def __getitem__(self, name: str) -> Any:
        if name in TABLE or name not in self._own:
            try:
                return self.__getattr__(name)
            except AttributeError:
                raise KeyError(name) from None
        return self._own[name]

    def __iter__(self) -> Iterator[str]:
        if not self.configured:
            self.read()
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
        del self._changes[known_name(name) or name]
        self._laid_anew()

    def __delattr__(self, name: str) -> None:
        del self[name]

    def _laid_anew(self) -> None:
        if self.configured:
            self._keep(self._laid_over(self._below, self._given, self._environment))

    # -- showing ----------------------------------------------------------------

    @property
    def changes(self) -> dict[str, Any]:
        """What code has set."""
        return dict(self._changes)

    def without_defaults(self) -> dict[str, Any]:
        """What was set, by whomever."""
        if not self.configured:
            self.read()
        return {name: self[name] for name in [*self._given, *self._changes, *self._environment]}

    def table(self, with_defaults: bool = False, censored: bool = True) -> dict[str, Any]:
        """All settings, or those that were set, in the order of their names; passwords and keys are hidden."""
        values = dict(self) if with_defaults else self.without_defaults()
        return {name: secrets.censored(name, values[name]) if censored else values[name] for name in sorted(values)}

    def humanize(self, with_defaults: bool = False, censored: bool = True) -> str:
        """The same as text, a line each."""
        return "\n".join(f"{name}: {value!r}" for name, value in self.table(with_defaults, censored).items())

    def __repr__(self) -> str:
        if not self.configured:
            return "<Settings, not read yet>"
        return f"<Settings {self.table()}>"


def _copied(default: Any) -> Any:
    return default.copy() if isinstance(default, dict | list) else default
