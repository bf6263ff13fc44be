"""Finding the app that `-A` names."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import traceback
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from celeriac.app import Celeriac
from celeriac.app.discovery import close_djangos_connections, set_up_django
from celeriac.config.secrets import censored_text
from celeriac.exceptions import CeleriacError, ImproperlyConfigured, SettingWarning, with_code

_PACKAGE = os.path.dirname(os.path.dirname(__file__))
_MACHINERY = (_PACKAGE, os.path.dirname(importlib.__file__), "<frozen ")
"""Where files begin that import a user's: they say nothing about an error of it."""
_SUBMODULES = ("celeriac", "celery", "app", "tasks")
_MISSING = object()
_OF_DJANGO = ("AppRegistryNotReady", "ImproperlyConfigured")
_DJANGO_HINT = (
    "Django is not set up here. A worker does it after it has imported the app and before it imports the modules with "
    "tasks, if DJANGO_SETTINGS_MODULE is set by then, as the module with the app usually does it: docs/howto/django.md"
)


class AppNotFound(ImproperlyConfigured):
    """What `-A` names is not there; not raised for errors of what is there."""


def find_app(name: str) -> Celeriac:
    """The app of `module`, `module:attribute`, `module.attribute` or `package`; attributes may have attributes.

    Where a module is named it looks for `app`, then `celery`, then any app in it, and in a package for its modules
    `celeriac`, `celery`, `app` and `tasks` as well. Raises `AppNotFound` when there is none; errors of the user's own
    import come through as they are.
    """
    _check_words(name)
    module_name, colon, attribute = name.partition(":")
    found = _resolve(module_name)
    for part in attribute.split(".") if colon else ():
        holder, found = found, getattr(found, part, _MISSING)
        if found is _MISSING:
            raise AppNotFound(f"{module_name} has no {attribute!r}{_instead(holder, module_name)}")
    if isinstance(found, Celeriac):
        return found
    if colon or not isinstance(found, ModuleType):
        raise AppNotFound(f"{name} is {_described(found)}, and no Celeriac app{_instead(found, name)}")
    app = _app_in(found)
    if app is None and hasattr(found, "__path__"):
        app = _app_below(found.__name__)
    if app is None:
        raise AppNotFound(f"no Celeriac app in {name!r}{_instead(found, name)}: name it as module:attribute")
    return app


def _check_words(name: str) -> None:
    """Say what is meant to those who name a file."""
    path, colon, attribute = name.partition(":")
    if not path or (colon and not all(attribute.split("."))):
        raise AppNotFound(f"-A takes MODULE or MODULE:APP, not {name!r}")
    if os.sep not in path and not path.endswith(".py") and all(path.split(".")):
        return
    folder, file = os.path.split(os.path.normpath(path if os.sep in path else path.strip(".")))
    words = f"{file.removesuffix('.py')}{colon}{attribute}"
    if folder and os.path.exists(os.path.join(folder, "__init__.py")) and not os.path.isabs(folder):
        words = f"{folder.strip('./').replace(os.sep, '.')}.{words}"
        folder = ""
    where = f"--workdir {folder} " if folder else ""
    raise AppNotFound(f"-A takes the name of a module, not {name!r}: say {where}-A {words}")


def _resolve(name: str) -> Any:
    """A module, or an attribute of one; the attribute if there are both, as in Celery."""
    outer, dot, last = name.rpartition(".")
    if not dot:
        return _import(name)
    holder = _resolve(outer)
    found = getattr(holder, last, _MISSING)
    if found is not _MISSING:
        return found
    if hasattr(holder, "__path__") and importlib.util.find_spec(name) is not None:
        return importlib.import_module(name)
    raise AppNotFound(f"{outer} has neither a module nor an attribute {last!r}{_instead(holder, outer)}")


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
    raise AppNotFound(f"there is no module {name!r} in {os.getcwd()}, nor is one installed{_elsewhere(name)}")


def _elsewhere(name: str) -> str:
    """Where a module of that name is that could be meant."""
    here = os.getcwd()
    below: list[str] = []
    with contextlib.suppress(OSError), os.scandir(here) as entries:
        below = sorted(entry.path for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    for folder in (os.path.dirname(here), os.path.dirname(os.path.dirname(here)), *below):
        path = os.path.join(folder, name)
        if os.path.isfile(f"{path}.py") or os.path.isfile(os.path.join(path, "__init__.py")):
            return f"; there is one in {folder}: celeriac --workdir {os.path.relpath(folder)} -A {name}"
    return "; go to the folder of the project, or name it by --workdir"


def _described(thing: Any) -> str:
    if isinstance(thing, ModuleType):
        return "a module"
    return f"the class {thing.__name__}" if isinstance(thing, type) else f"of type {type(thing).__name__}"


def _instead(thing: Any, name: str) -> str:
    """What there is that could be meant: apps of ours by name, or one of Celery's."""
    items = vars(thing).items() if isinstance(thing, ModuleType) else ((name, thing),)
    ours = [f"{name}:{key}" for key, item in items if isinstance(item, Celeriac)]
    if ours:
        return f"; there is {' and '.join(ours)}"
    if any(_is_celerys(item) for _, item in items):
        return "; there is an app of Celery's: import Celery from celeriac there"
    return ""


def _is_celerys(thing: Any) -> bool:
    return any(kind.__name__ == "Celery" and kind.__module__.startswith("celery.") for kind in type(thing).__mro__)


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
    """Import the modules with the app's tasks, and make it the app of the process; `include` are further ones.

    Django is set up before, where the environment names its settings.
    """
    app.set_current()
    app.set_default()
    django = set_up_django()
    for module in include:
        importlib.import_module(module)
    app.import_default_modules()
    if django:
        close_djangos_connections()


@contextlib.contextmanager
def hearing_of_settings(heard: list[str]) -> Iterator[None]:
    """Collect what is said of settings meanwhile, each once, instead of showing each with a line of the source."""
    shown = warnings.showwarning

    def hear(message: Any, category: type[Warning], *place: Any, **more: Any) -> None:
        if not issubclass(category, SettingWarning):
            shown(message, category, *place, **more)
        elif str(message) not in heard:
            heard.append(str(message))

    warnings.showwarning = hear
    try:
        yield
    finally:
        # An app may have put something else in its place.
        if warnings.showwarning is hear:
            warnings.showwarning = shown


def why_not(error: BaseException) -> str:
    """Why an app cannot be used: the traceback from the user's first line on, or only what is wrong.

    A traceback shows lines of source, and passwords stand in some; they are hidden.
    """
    place = error.__traceback__
    while place is not None and place.tb_frame.f_code.co_filename.startswith(_MACHINERY):
        place = place.tb_next
    if type(error).__module__ == "django.core.exceptions" and type(error).__name__ in _OF_DJANGO:
        lines = [*_outside_django(error), f"{_DJANGO_HINT}\n"]
    elif not isinstance(error, CeleriacError):
        lines = traceback.format_exception(type(error), error, place)
    elif place is None:
        return with_code(error)
    else:
        # How we found out what is wrong tells them nothing.
        theirs = [not frame.filename.startswith(_PACKAGE) for frame in traceback.extract_tb(place)]
        last = len(theirs) - theirs[::-1].index(True)
        lines = [*traceback.format_exception(type(error), error, place, limit=last)[:-1], f"{with_code(error)}\n"]
    return censored_text("".join(lines)).rstrip("\n")


def _outside_django(error: BaseException) -> list[str]:
    """A traceback with the user's lines only."""
    said = traceback.TracebackException.from_exception(error)
    theirs = [frame for frame in said.stack if not frame.filename.startswith(_MACHINERY)]
    said.stack = traceback.StackSummary.from_list(
        [frame for frame in theirs if f"{os.sep}django{os.sep}" not in frame.filename]
    )
    return list(said.format(chain=False))
