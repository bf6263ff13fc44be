"""The options before the command, which hold for all of them.

What they say goes into the environment, where every process that imports the app finds it, and counts before
what code says.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

QUIET = "celeriac.quiet"
"""In the `meta` of the context: whether to say only what was asked for."""

_NO_LOADER = "there are no loaders: -A says where the app is, --config where its settings are"
_USUAL_LOADERS = frozenset({"app", "default", "celery.loaders.app.AppLoader", "celery.loaders.default.Loader"})


BROKER_VARIABLES = ("CELERIAC_BROKER_URL", "CELERY_BROKER_URL")
RESULT_VARIABLES = ("CELERIAC_RESULT_BACKEND", "CELERY_RESULT_BACKEND")
URL_VARIABLES = {"-b": BROKER_VARIABLES, "--broker": BROKER_VARIABLES, "--result-backend": RESULT_VARIABLES}
"""Options whose values may have passwords, and the variables that say the same where no list of processes shows it."""


def _into(*variables: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    def put(context: click.Context, option: click.Parameter, text: str | None) -> None:
        if text:
            os.environ.update(dict.fromkeys(variables, text))

    return put


def _change_folder(context: click.Context, option: click.Parameter, folder: str | None) -> None:
    if folder is None:
        return
    try:
        os.chdir(os.path.expanduser(folder))
    except OSError as error:
        raise click.UsageError(f"--workdir {folder}: {error.strerror}") from error


def _refuse_loader(context: click.Context, option: click.Parameter, name: str | None) -> None:
    if name is not None and name.replace(":", ".") not in _USUAL_LOADERS:
        raise click.UsageError(f"--loader {name}: {_NO_LOADER}")


def _take_colours(context: click.Context, option: click.Parameter, said: bool) -> None:
    if said or os.environ.get("NO_COLOR"):
        context.color = False
        os.environ["NO_COLOR"] = "1"


def _be_quiet(context: click.Context, option: click.Parameter, said: bool) -> None:
    context.meta[QUIET] = said


_OPTIONS = (
    click.option(
        *("-A", "--app"), metavar="MODULE[:APP]", envvar=["CELERIAC_APP", "CELERY_APP"], help="Where the app is."
    ),
    click.option(
        *("-b", "--broker"),
        metavar="URL",
        expose_value=False,
        callback=_into(*BROKER_VARIABLES),
        help="The broker, instead of the app's own.",
    ),
    click.option(
        "--result-backend",
        metavar="URL",
        expose_value=False,
        callback=_into(*RESULT_VARIABLES),
        help="Where results are, instead of the app's own.",
    ),
    click.option("--loader", expose_value=False, callback=_refuse_loader, help=f"Celery's: {_NO_LOADER}."),
    click.option(
        "--config",
        metavar="MODULE",
        expose_value=False,
        callback=_into("CELERY_CONFIG_MODULE"),
        help="Settings, for an app that names none by config_from_object.",
    ),
    click.option(
        "--workdir",
        metavar="DIR",
        expose_value=False,
        is_eager=True,
        callback=_change_folder,
        help="Go there first.",
    ),
    click.option(
        *("-C", "--no-color"),
        is_flag=True,
        expose_value=False,
        callback=_take_colours,
        help="No colours.",
    ),
    click.option(
        *("-q", "--quiet"), is_flag=True, expose_value=False, callback=_be_quiet, help="No notes beside what is asked."
    ),
    click.option(
        "--skip-checks",
        is_flag=True,
        allow_from_autoenv=False,
        expose_value=False,
        help="Celery's: skip Django's checks, which are not run here.",
    ),
)


def global_options(command: F) -> F:
    """Give the group these options; it gets `app`, all others have done their work."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def note(context: click.Context, text: str) -> None:
    """Say something that nobody asked for, on standard error."""
    if not context.meta.get(QUIET):
        click.echo(f"celeriac: {text}", err=True)
