"""`celeriac upgrade`: what was written for older versions of Celery."""

from __future__ import annotations

from pathlib import Path

import click

from celeriac.cli import forms
from celeriac.config.renaming import renamed

_PREFIX = "CELERY"


@click.group()
def upgrade() -> None:
    """Bring files written for older versions up to date."""


@upgrade.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--django", is_flag=True, help="New names as Django's settings have them: CELERY_TASK_SERIALIZER.")
@click.option("--compat", is_flag=True, help="The same, for any other file.")
@click.option("--no-backup", is_flag=True, help="Keep no copy of the old file.")
@forms.json_option
def settings(file: Path, django: bool, compat: bool, no_backup: bool, as_json: bool) -> None:
    """Rewrite a settings file with new names for Celery's old ones; the old file is kept as FILE.orig."""
    try:
        # As it is on the disk, with its ends of lines.
        before = file.read_bytes().decode()
        after, changes = renamed(before, _PREFIX if django or compat else "")
    except (SyntaxError, UnicodeDecodeError) as error:
        return forms.fail(f"{file} is no Python that can be read: {error}")
    except OSError as error:
        return forms.fail(f"cannot read {error.filename}: {error.strerror}")
    backup = None if no_backup or not changes else file.with_name(f"{file.name}.orig")
    try:
        if backup is not None:
            backup.write_bytes(before.encode())
        if changes:
            file.write_bytes(after.encode())
    except OSError as error:
        return forms.fail(f"cannot write {error.filename}: {error.strerror}")
    if as_json:
        fields = [change._asdict() for change in changes]
        return forms.say_json({"file": str(file), "changed": fields, "backup": backup and str(backup)})
    for change in changes:
        click.echo(f"{file}:{change.line}: {change.old} -> {change.new}")
    kept = f"; the old file is {backup}" if backup is not None else ""
    return click.echo(f"{len(changes)} names changed{kept}")
