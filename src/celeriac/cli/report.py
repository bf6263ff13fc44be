"""`celeriac report`: what is installed and set, to be put into a report of a bug."""

from __future__ import annotations

import platform
import sqlite3
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any

import click

import celeriac
from celeriac.cli import forms
from celeriac.cli.loading import load_app
from celeriac.config.secrets import censored_text

_PACKAGES = ("msgspec", "click", "hiredis", "gevent", "uvloop", "celery", "kombu", "django")


@click.command()
@forms.json_option
@click.pass_context
def report(context: click.Context, as_json: bool) -> None:
    """Show software, platform, transport and the settings that were made; passwords and keys are hidden.

    Without -A there are no settings. No store is asked.
    """
    found: dict[str, Any] = {"software": _software(), "platform": _platform()}
    if context.obj:
        found |= _of_app(load_app(context))
    if as_json:
        return forms.say_json(found)
    for part, fields in found.items():
        if part != "settings":
            click.echo(f"{part:10} -> {' '.join(f'{name}:{value}' for name, value in fields.items())}")
    for name, value in found.get("settings", {}).items():
        click.echo(f"{name}: {value!r}")
    return None


def _software() -> dict[str, str]:
    """Versions of what is installed of all that matters here."""
    found = {"celeriac": celeriac.__version__, "py": python_version(), "sqlite": sqlite3.sqlite_version}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _platform() -> dict[str, str]:
    return {
        "system": platform.system(),
        "arch": platform.machine(),
        "kernel": platform.release(),
        "imp": platform.python_implementation(),
    }


def _of_app(app: Any) -> dict[str, Any]:
    """The app, where its messages go, and what was set; all of it fit to be shown to anybody."""
    broker = censored_text(app.broker_url())
    results = censored_text(str(app.conf.result_backend or broker))
    return {
        "app": {"name": app.main, "tasks": len(app.tasks)},
        "transport": {"broker": broker, "results": results},
        "settings": app.conf.table(),
    }
