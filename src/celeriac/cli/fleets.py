"""`celeriac hand-back` and `celeriac adopt`: from one library's workers to the other's."""

from __future__ import annotations

from typing import Any

import click

from celeriac.cli import forms
from celeriac.cli.loading import load_app
from celeriac.cli.progress import progress
from celeriac.config.secrets import censored_text
from celeriac.worker import handback


@click.command("hand-back")
@forms.json_option
@click.pass_context
def hand_back(context: click.Context, as_json: bool) -> None:
    """Give everything to Celery: stop the workers of Celeriac first.

    Claims of workers that died, delayed and parked tasks go back to Celery's lists, in Celery's form.
    """
    app = load_app(context)
    kombu = _kombu(app, "there is nothing to hand back")
    with progress("handing back", sum(row.delayed for row in app.queues.list()), as_json) as reach:
        done = handback.hand_back(app.store, kombu, app.clock, progress=reach)
    if as_json:
        return forms.say_json({name: getattr(done, name) for name in done.__struct_fields__})
    text = f"handed back {done.claims + done.landed} claimed and {done.delayed} delayed messages"
    failed = f"; {done.failed} had begun and may run only once: see `celeriac dead list`" if done.failed else ""
    return click.echo(text + failed)


@click.command()
@click.option(
    "--older-than", "older", callback=forms.seconds, help="Only what has been held for so long: 90s, 15m, 12h, 7d."
)
@forms.json_option
@click.pass_context
def adopt(context: click.Context, older: float | None, as_json: bool) -> None:
    """Take over what Celery workers held that died: stop those that live first.

    While a Celery worker is connected, nobody can tell which messages are in its hands. So this refuses then,
    unless --older-than says from which age on a message cannot be in living hands: longer than any task runs and
    any countdown, because a Celery worker holds a task until its time comes.
    """
    app = load_app(context)
    kombu = _kombu(app, "there is nothing to adopt")
    if older is None:
        consumers = kombu.consumers()
        if consumers:
            named = f"{len(consumers)} Celery worker connections are open ({', '.join(consumers)})"
            return forms.fail(f"{named}: stop the workers, or say --older-than")
    done = kombu.adopt(older or 0.0)
    if as_json:
        return forms.say_json({name: getattr(done, name) for name in done.__struct_fields__})
    young = f"; {done.young} are younger" if done.young else ""
    left = f"; {done.left} are no tasks and were left" if done.left else ""
    return click.echo(f"adopted {done.adopted} messages{young}{left}")


def _kombu(app: Any, nothing: str) -> Any:
    kombu = app.store.kombu
    if kombu is None:
        forms.fail(f"Celery keeps no messages in {censored_text(app.store.url)}: {nothing}")
    return kombu
