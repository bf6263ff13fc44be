"""What every command needs: the app that `-A` names, and exit codes."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

import click

from celeriac.cli.global_options import note
from celeriac.exceptions import CeleriacError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNAVAILABLE = 69
EXIT_CANNOT_CREATE = 73
"""As sysexits.h and Celery have them."""

EXIT_CODES = {"C103": EXIT_CANNOT_CREATE, "C201": EXIT_UNAVAILABLE, "C202": EXIT_UNAVAILABLE, "C405": EXIT_USAGE}
"""Of errors by their codes; all others are `EXIT_FAILED`."""


def load_app(context: click.Context, include: tuple[str, ...] = ()) -> Any:
    """The app, for commands that run no tasks; `include` are modules to import beside its own."""
    from celeriac.worker.find import AppNotFound, find_app, hearing_of_settings, import_modules, why_not

    name = app_name(context)
    sys.path.insert(0, os.getcwd())
    heard: list[str] = []
    try:
        with hearing_of_settings(heard):
            app = find_app(name)
            import_modules(app, include)
            # What is wrong with them is said by what needs them.
            with contextlib.suppress(CeleriacError):
                app.conf.finalize()
    except AppNotFound as error:
        raise click.UsageError(str(error)) from error
    except Exception as error:
        click.echo(f"cannot import {name}:\n{why_not(error)}", err=True)
        sys.exit(EXIT_FAILED)
    for text in heard:
        note(context, text)
    return app


def app_name(context: click.Context) -> str:
    """What `-A` says."""
    if not context.obj:
        raise click.UsageError("name the app: celeriac -A MODULE[:APP] ...")
    return str(context.obj)
