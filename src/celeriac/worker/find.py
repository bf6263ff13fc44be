"""Finding the app that `-A` names."""

from __future__ import annotations

import importlib
import importlib.util
import os
import traceback
from types import ModuleType
from typing import Any

from celeriac.app import Celeriac
from celeriac.config.secrets import censored_text
from celeriac.exceptions import CeleriacError, ImproperlyConfigured, with_code

_PACKAGE = os.path.dirname(os.path.dirname(__file__))
_MACHINERY = (_PACKAGE, os.path.dirname(importlib.__file__), "<frozen ")
"""Where files begin that import a user's: they say nothing about an error of it."""
_SUBMODULES = ("celeriac", "celery", "tasks")


class AppNotFound(ImproperlyConfigured):
    """What `-A` names is not there; not raised for errors of what is there."""


def find_app(name: str) -> Celeriac:
    """The app of `module`, `module:attribute` or `package`.

    Without an attribute it looks for `app`, then `celery`, then any app in the module, and in a package for
    its modules `celeriac`, `celery` and `tasks` as well. Raises `AppNotFound` when there is none;
    errors of the user's own import come through as they are.
    """
    module_name, _, attribute = name.partition(":")
    module = _import(module_name)
    if attribute:
        found = getattr(module, attribute, None)
        if not isinstance(found, Celeriac):
            raise AppNotFound(f"{module_name} has no app called {attribute!r}")
        return found
    app = _app_in(module)
    if app is None and hasattr(module, "__path__"):
        app = _app_below(module_name)
    if app is None:
        raise AppNotFound(f"no Celeriac app in {module_name!r}: name it as module:attribute")
    return app


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name == missing or name.startswith(f"{missing}."):
            raise AppNotFound(f"there is no module {missing!r} here") from None
        raise


def _app_in(module: ModuleType) -> Celeriac | None:
    candidates: list[Any] = [getattr(module, "app", None), getattr(module, "celery", None), *vars(module).values()]
    return next((item for item in candidates if isinstance(item, Celeriac)), None)


def _app_below(package: str) -> Celeriac | None:
    for name in _SUBMODULES:
        full = f"{package}.{name}"
        if importlib.util.find_spec(full) is not None:
            app = _app_in(importlib.import_module(full))
            if app is not None:
                return app
    return None


def import_modules(app: Celeriac, include: tuple[str, ...] = ()) -> None:
    """Import the modules with the app's tasks, and make it the app of the process; `include` are further ones."""
    app.set_current()
    app.set_default()
    for module in include:
        importlib.import_module(module)
    app.import_default_modules()


def why_not(error: BaseException) -> str:
    """Why an app cannot be used: the traceback from the user's first line on, or only what is wrong.

    A traceback shows lines of source, and passwords stand in some; they are hidden.
    """
    place = error.__traceback__
    while place is not None and place.tb_frame.f_code.co_filename.startswith(_MACHINERY):
        place = place.tb_next
    if not isinstance(error, CeleriacError):
        lines = traceback.format_exception(type(error), error, place)
    elif place is None:
        return with_code(error)
    else:
        # How we found out what is wrong tells them nothing.
        theirs = [not frame.filename.startswith(_PACKAGE) for frame in traceback.extract_tb(place)]
        last = len(theirs) - theirs[::-1].index(True)
        lines = [*traceback.format_exception(type(error), error, place, limit=last)[:-1], f"{with_code(error)}\n"]
    return censored_text("".join(lines)).rstrip("\n")
