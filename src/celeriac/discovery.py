"""Finding the modules with tasks: those that settings name, and those of packages that are looked through."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from celeriac.exceptions import ImproperlyConfigured

Packages = Iterable[str] | Callable[[], Iterable[str]]


class Search(NamedTuple):
    """A wish to import `related_name` of each of these packages, where it has such a module.

    Raises what the modules raise; that a package is missing, too, but not that it has no such module.
    """

    packages: Packages | None
    related_name: str | None = "tasks"

    def run(self) -> list[ModuleType]:
        """The modules found, imported."""
        if self.packages is None:
            raise ImproperlyConfigured(
                "autodiscover_tasks() must be told the packages: those of Django are found in a later version"
            )
        packages = self.packages() if callable(self.packages) else self.packages
        found = (import_related(package, self.related_name) for package in packages)
        return [module for module in found if module is not None]


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
