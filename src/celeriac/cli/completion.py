"""`celeriac completion`: what makes a shell complete commands, options, and names of tasks and queues."""

from __future__ import annotations

import click

from celeriac.cli import forms

_SHELLS = {
    "bash": 'eval "$(celeriac completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(celeriac completion zsh)" in ~/.zshrc, after compinit',
    "fish": "celeriac completion fish | source in ~/.config/fish/config.fish",
}
_VARIABLE = "_CELERIAC_COMPLETE"


@click.command(epilog=f"How to use it: {'; '.join(_SHELLS.values())}.")
@click.argument("shell", type=click.Choice([*_SHELLS]))
@forms.json_option
def completion(shell: str, as_json: bool) -> None:
    """Print the script that makes a shell complete `celeriac`.

    Names of tasks and queues are completed where -A or CELERIAC_APP names the app, if they are known within two
    seconds.
    """
    from click.shell_completion import get_completion_class

    from celeriac.cli.main import cli

    made = get_completion_class(shell)
    assert made is not None
    script = made(cli, {}, "celeriac", _VARIABLE).source()
    forms.say_json({"shell": shell, "script": script}) if as_json else click.echo(script)
