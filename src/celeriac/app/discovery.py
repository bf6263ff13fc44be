"""Finding the modules with tasks: those that settings name, and those of packages that are looked through."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from celeriac.config.admission import warn

_DJANGOS_VARIABLE = "DJANGO_SETTINGS_MODULE"

Packages = Iterable[str] | Callable[[], Iterable[str]]


class Search(NamedTuple):
    """A wish to import `related_name` of each of these packages, where it has such a module.

    Without packages, those of Django's applications are meant; without Django there are none, and a warning says so.
    Raises what the modules raise; that a package is missing, too, but not that it has no such module.
    """

    packages: Packages | None
    related_name: str | None = "tasks"

    def run(self) -> list[ModuleType]:
        """The modules found, imported."""
        packages = self.packages() if callable(self.packages) else self.packages
        if not packages:
            packages = _djangos_packages()
        found = (import_related(package, self.related_name) for package in packages)
        return [module for module in found if module is not None]


def set_up_django() -> bool:
    """Set Django up, if the environment names its settings; whether there is one.

    Does nothing where that has been done. Raises what Django raises.
    """
    if not os.environ.get(_DJANGOS_VARIABLE):
        return False
    try:
        django = import_module("django")
    except ModuleNotFoundError:
        warn(f"{_DJANGOS_VARIABLE} is set and Django is not installed: it is not set up")
        return False
    if not import_module("django.apps").apps.ready:
        django.setup()
    return True


def close_djangos_connections() -> None:
    """Close what Django has opened to databases in this process: no fork may share it."""
    import_module("django.db").connections.close_all()


def _djangos_packages() -> list[str]:
    if set_up_django():
        return [config.name for config in import_module("django.apps").apps.get_app_configs()]
    warn(f"autodiscover_tasks() without packages finds those of Django, and {_DJANGOS_VARIABLE} is not set")
    return []


def import_related(package: str, related_name: str | None) -> ModuleType | None:
    """A package's module of that name, or None; the package itself where no name is given.

    For a name that is no module (a class in one, as Django allows), the package around it is meant.
    """
    try:
        module = import_module(package)
    except ModuleNotFoundError as error:
        outer = package.rpartition(".")[0]
        if not outer or error.name not in (package, outer):
            raise
        package, module = outer, import_module(outer)
    if not related_name:
        return module
    name = f"{package}.{related_name}"
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        # A package that is a plain module has no modules in it.
        if error.name != name:
            raise
        return None
