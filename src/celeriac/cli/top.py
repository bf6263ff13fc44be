"""`celeriac top`: a live view of workers, queues and dead letters."""

from __future__ import annotations

import os
import queue
import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from signal import SIGINT
from typing import Any

import click
import msgspec

from celeriac.cli import forms
from celeriac.cli.loading import load_app
from celeriac.cli.screen.frame import frame, whole
from celeriac.cli.screen.terminal import Terminal
from celeriac.cli.screen.view import Act, View, Wish, press
from celeriac.config.secrets import censored_text
from celeriac.exceptions import CeleriacError
from celeriac.observe.overview import Overview, look
from celeriac.observe.trend import Trend

_PIPE_COLUMNS = 200
_PEEKED = 10


@click.command()
@click.option("-i", "--interval", type=click.FloatRange(0.1), default=1.0, show_default=True, help="Seconds a look.")
@click.option("--once", is_flag=True, help="Print one frame and end, as it does where there is no terminal.")
@forms.json_option
@click.pass_context
def top(context: click.Context, interval: float, once: bool, as_json: bool) -> None:
    """Watch workers, what they run, queues and dead letters.

    Keys: q quits, tab goes to the next table, arrows choose a line, s sorts, enter explains it, p pauses a queue or
    lets it go on, k revokes a task.
    """
    app = load_app(context)
    trend = Trend()

    def see() -> Overview:
        return trend.rated(look(app.store, app.clock))

    seen = see()
    if once or as_json or not _has_terminal():
        time.sleep(interval)
        return _print(_view(app, see()), as_json)
    return _watch(_view(app, seen), Looker(app, see, interval), colours=context.color is not False)


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _view(app: Any, seen: Overview) -> View:
    return View(f"celeriac top  {app.main}  {censored_text(app.store.url)}", seen)


def _print(view: View, as_json: bool) -> None:
    if as_json:
        return forms.say_json(msgspec.to_builtins(view.overview))
    columns, _ = shutil.get_terminal_size((_PIPE_COLUMNS, 0))
    return click.echo("\n".join(whole(view, columns)))


def _watch(view: View, looker: Looker, *, colours: bool) -> None:
    """Until it is told to end."""
    with Terminal(colours=colours) as terminal:
        looker.start(terminal.ring)
        while terminal.ended_by is None:
            looker.bring_news(view)
            size = terminal.size()
            terminal.paint(frame(view, *size), size)
            for key in terminal.wait():
                wish = press(view, key)
                if wish is not None and wish.act is Act.QUIT:
                    return
                if wish is not None:
                    looker.wishes.put(wish)
    if terminal.ended_by is not SIGINT:
        sys.exit(128 + terminal.ended_by)


class Looker:
    """A thread that asks the store: one that does not answer keeps nobody from the keys."""

    def __init__(self, app: Any, see: Callable[[], Overview], interval: float) -> None:
        self.wishes: queue.SimpleQueue[Wish] = queue.SimpleQueue()
        self._app = app
        self._see = see
        self._interval = interval
        self._news: deque[Callable[[View], None]] = deque()
        self._away_since = 0.0

    def start(self, ring: Callable[[], None]) -> None:
        """Begin to look; `ring` is called when there is news."""
        threading.Thread(target=self._run, args=(ring,), name="looker", daemon=True).start()

    def bring_news(self, view: View) -> None:
        """Bring a view up to date."""
        while self._news:
            self._news.popleft()(view)

    def _run(self, ring: Callable[[], None]) -> None:
        while True:
            try:
                self._next()
            except CeleriacError as error:
                self._complain(error)
            ring()

    def _next(self) -> None:
        """Do what is wished, if anything is before the time to look, and look."""
        try:
            wish = self.wishes.get(timeout=self._interval)
        except queue.Empty:
            pass
        else:
            tell = _fulfil(self._app, wish)
            self._news.append(tell)
        seen = self._see()

        def show(view: View) -> None:
            view.overview, view.trouble = seen, ""

        self._away_since = 0.0
        self._news.append(show)

    def _complain(self, error: Exception) -> None:
        now = self._app.clock.now()
        self._away_since = self._away_since or now
        since = forms.time_text(self._away_since)
        text = f"no answer since {since} UTC, this is what was seen before: {forms.shorten(str(error), 200)}"

        def show(view: View) -> None:
            view.trouble = text

        self._news.append(show)


def _fulfil(app: Any, wish: Wish) -> Callable[[View], None]:
    """Do it, and what is to be said of it."""
    told: list[str] = []
    note = ""
    match wish.act:
        case Act.PAUSE:
            app.queues.pause(wish.about)
            note = f"{wish.about} is paused"
        case Act.RESUME:
            app.queues.resume(wish.about)
            note = f"{wish.about} goes on"
        case Act.REVOKE | Act.TERMINATE:
            app.control.revoke(wish.about, terminate=wish.act is Act.TERMINATE)
            note = f"{wish.about} is revoked"
        case Act.EXPLAIN:
            told = [f"{wish.about}:", app.AsyncResult(wish.about).explain().sentence]
        case Act.PEEK:
            found = app.queues.peek(wish.about, _PEEKED)
            told = [f"{wish.about} serves next:" if found else f"nothing is ready in {wish.about}"]
            told += [f"{each.id} {each.task or 'no task message'} {each.args} {each.kwargs}" for each in found]

    def show(view: View) -> None:
        view.note = note
        view.telling = told or view.telling

    return show
