"""`python -m celeriac.demo`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from celeriac.demo.library import standard_library
from celeriac.demo.run import Demo
from celeriac.demo.worker import WorkerFailed
from celeriac.exceptions import CeleriacError


@click.command()
@click.option("--broker", metavar="URL", help="Where the queues are, instead of a SQLite file of the demo's own.")
@click.option(
    "--library",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=standard_library,
    help="The modules to analyse, instead of Python's own.",
)
def main(broker: str | None, library: Path) -> None:
    """Analyse a library with a task a module, lose a process on the way, and check the result."""
    with tempfile.TemporaryDirectory(prefix="celeriac-demo-") as folder:
        try:
            right = Demo(broker or f"sqlite:///{folder}/tasks.db", library, Path(folder)).run()
        except (CeleriacError, WorkerFailed) as error:
            click.echo(f"\n{error}", err=True)
            right = False
    sys.exit(not right)


main()
