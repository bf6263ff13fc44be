"""What a worker shows the person who started it."""

from __future__ import annotations

import pytest

from celeriac.worker.core.screen import Running, Screen, durability_text
from celeriac.worker.options import Kind, Pool, WorkerOptions


class Shown:
    """A screen that is no terminal, and what is on it."""

    def __init__(self, *, on: bool = True) -> None:
        self.text = ""
        self.screen = Screen(self._take, on=on)

    def _take(self, text: bytes) -> None:
        self.text += text.decode()


def options(*pools: Pool) -> WorkerOptions:
    return WorkerOptions("shop", "celery@here", pools)


def greeting(*pools: Pool, tasks: list[str]) -> str:
    shown = Shown()
    shown.screen.greet(options(*pools), "redis://h", "every accepted request", tasks)
    return shown.text


def test_it_says_what_the_worker_is():
    text = greeting(
        Pool(concurrency=4, queues=("celery", "mail")),
        Pool("web", Kind.ASYNCIO, 100, ("hooks",)),
        tasks=["b", "a"],
    )
    words = " ".join(text.split())
    assert "shop, celery@here" in words
    assert "store redis://h a power failure spares: every accepted request" in words
    assert "queues celery mail pool prefork x 4 queues hooks pool web: asyncio x 100 tasks a b" in words


def test_many_tasks_are_counted():
    text = greeting(Pool(queues=("q",)), tasks=[f"a.task.of.some.length.{number:03}" for number in range(200)])
    assert "a.task.of.some.length.022  and 177 others" in text
    assert all(len(line) <= 100 for line in text.splitlines())
    assert len(text.splitlines()) < 20


def test_so_are_many_queues():
    text = greeting(Pool(queues=tuple(f"queue{number}" for number in range(2000))), tasks=["a"])
    assert "queue22  and 1,977 others" in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_who_waits_hears_for_how_long_at_most():
    shown = Shown()
    shown.screen.wait([Running("a", "1", 2.0, True)], 50.0)
    assert "a[1] for 2.0 s; 50 s at most." in shown.text


def test_no_name_breaks_a_line():
    text = greeting(Pool(queues=("q\nforged",)), tasks=["a\nforged", "\x1b[31mred"])
    assert "\nforged" not in text
    assert "\x1b" not in text


def test_an_app_without_tasks_is_asked_about_its_modules():
    assert "none: does the app import the modules with tasks?" in greeting(Pool(queues=("q",)), tasks=[])


@pytest.mark.parametrize(
    ("running", "expected"),
    [
        ([], "Stopping."),
        (
            [Running("a.b", "0123456789", 12.0, True)],
            "Waiting for 1 task: a.b[01234567] for 12 s. Another SIGTERM gives it back to the queue.",
        ),
        (
            [Running("a", "1", None, False), Running("b", "2", 2.0, False)],
            "Waiting for 2 tasks: a[1], b[2] for 2.0 s. Another SIGTERM cuts them off as failed: at most one run each.",
        ),
        (
            [Running("a", str(number), None, number > 0) for number in range(5)],
            "Waiting for 5 tasks: a[0], a[1], a[2] and 2 others. Another SIGTERM gives them back to the queue, "
            "or cuts them off as failed where they may run only once.",
        ),
    ],
)
def test_it_says_what_a_stop_waits_for_and_what_another_signal_does(running: list[Running], expected: str):
    shown = Shown()
    shown.screen.wait(running)
    assert shown.text.strip() == expected


def test_it_can_be_silent():
    shown = Shown(on=False)
    shown.screen.greet(options(Pool(queues=("q",))), "u", "d", [])
    shown.screen.ready(1.0, "WARNING")
    assert shown.text == ""
    shown = Shown()
    shown.screen.obey({"worker_log_format": "json", "worker_log_color": None}, None)
    shown.screen.bid_farewell(1.0, 1, 0)
    assert shown.text == ""


@pytest.mark.parametrize(
    ("runs", "abandoned", "expected"),
    [
        (1, 0, "Stopped after 3.0 s: 1 run of tasks."),
        (2, 1, "Stopped after 3.0 s: 2 runs of tasks, 1 task was cut off."),
    ],
)
def test_its_last_words_count(runs: int, abandoned: int, expected: str):
    shown = Shown()
    shown.screen.bid_farewell(3.0, runs, abandoned)
    assert shown.text.strip() == expected


def test_a_store_that_spares_nothing_comes_with_what_to_do():
    assert "appendonly" in durability_text("nothing")
    assert durability_text("every accepted request") == "every accepted request"
