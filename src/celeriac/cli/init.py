"""`celeriac init`: a project to begin with."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click

from celeriac.cli import forms
from celeriac.cli.templates import FRAMEWORKS, STORES, WORKER, render


@click.command()
@click.argument("framework", type=click.Choice([*FRAMEWORKS]))
@click.argument("folder", metavar="[DIR]", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option("--broker", type=click.Choice(STORES), default="sqlite", show_default=True, help="Where tasks wait.")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
@forms.json_option
def init(framework: str, folder: Path, broker: str, force: bool, as_json: bool) -> None:
    """Write a project: tasks, settings, tests, a README, CI, Dockerfile, compose file, systemd unit.

    It runs as it is written. Nothing is overwritten, and nothing written, if one of its files is there already.
    """
    files = {folder / path: text for path, text in render(framework, broker).items()}
    there = [str(path) for path in files if path.exists()]
    if there and not force:
        return forms.fail(f"{there[0]} is there already ({len(there)} of {len(files)} files): --force overwrites them")
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        return forms.fail(f"cannot write {error.filename}: {error.strerror}")
    if as_json:
        use = FRAMEWORKS[framework].use
        return forms.say_json({"files": [str(path) for path in files], "worker": WORKER, "use": use})
    enter = "" if folder == Path() else f"cd {quote(str(folder))} && "
    click.echo(f"{enter}pip install -r requirements.txt")
    click.echo(f"{WORKER}")
    click.echo(f"{FRAMEWORKS[framework].use}    # in another terminal")
    return None
