"""The live view without a terminal: what keys do to it, and that it fits wherever it is drawn."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from celeriac.cli.screen.frame import fit, frame, share, whole
from celeriac.cli.screen.view import Act, Style, View, Wish, press
from celeriac.observe.overview import LetterView, Overview, QueueView, Run, TaskView, WorkerView

KEYS = [
    "q",
    "tab",
    "backtab",
    "up",
    "down",
    "home",
    "end",
    "pagedown",
    "s",
    "p",
    "k",
    "t",
    "y",
    "n",
    "enter",
    "esc",
    "x",
]


def run(id: str) -> Run:
    return Run(id, "shop.pay", "celery", 990.0, 2)


def view(workers: int = 2, queues: int = 2, letters: int = 1) -> View:
    """Each worker has one slot and two tasks."""
    supervisor = tuple(
        WorkerView(
            f"w{n}", f"w{n}/e", True, 0.5, "here", 7, 900.0, 1, ("celery",), 2, (run(f"a{n}"), run(f"b{n}")), n, {}
        )
        for n in range(workers)
    )
    lines = tuple(QueueView(f"q{n}", 10 - n, 0, 0, 0, n == 1, 5.0, rate_in=1.0, rate_out=2.0) for n in range(queues))
    dead = tuple(LetterView(f"d{n}", 950.0, "crashed", "SIGKILL", "shop.pay", "celery", "why") for n in range(letters))
    tasks = tuple(TaskView(f"shop.t{n}", 10 * n, n, {}, 0.00123, 75.0, 5.0, float(n)) for n in range(2))
    return View("title", Overview(1000.0, 0.0, supervisor, tasks, lines, dead))


def texts(shown: View, width: int = 160, height: int = 40) -> list[str]:
    return [line.text for line in frame(shown, width, height)]


def chosen(shown: View) -> str:
    (line,) = [line.text for line in frame(shown, 160, 40) if line.style is Style.CHOSEN]
    return line


def pressed(shown: View, *keys: str) -> list[Wish]:
    return [wish for key in keys if (wish := press(shown, key)) is not None]


def test_a_frame_says_everything():
    lines = texts(view())
    assert lines[0].startswith("title  1970-01-01 00:16:40")
    assert lines[1] == "2 workers, 2 slots, 4 tasks in hand, 19 ready, 0 delayed, 0 dead"
    assert "  " * 2 + "runs shop.pay a0 for 10 s, attempt 2" in lines
    assert "  " * 2 + "has shop.pay b0 for 10 s, attempt 2" in lines
    assert [line.split()[-1] for line in lines if line.startswith("  q1")] == ["paused"]
    assert any("SIGKILL" in line for line in lines)
    assert [line.split()[1:] for line in lines if line.startswith("  shop.t1")] == [
        ["10", "1", "5.0", "1.0", "1.2", "ms", "1m15s"]
    ]
    assert lines[-1].startswith("q quit")


def test_paper_has_all_lines():
    lines = whole(view(workers=100, queues=50), 200)
    assert len([line for line in lines if "runs shop.pay" in line]) == 100
    assert lines[-1].endswith("why")


@given(
    st.integers(1, 250),
    st.integers(1, 60),
    st.lists(st.sampled_from(KEYS), max_size=30),
    st.integers(0, 12),
    st.integers(0, 12),
)
def test_it_fits_whatever_the_size_and_whatever_is_typed(width, height, keys, workers, queues):
    shown = view(workers, queues, queues)
    pressed(shown, *keys)
    lines = frame(shown, width, height)
    assert len(lines) == height
    assert all(len(line.text) <= width for line in lines)


@given(st.dictionaries(st.sampled_from("abc"), st.integers(0, 30), min_size=3), st.integers(0, 50))
def test_no_line_of_the_room_is_wasted(wanted, room):
    given_ = share(wanted, "a", room)
    assert sum(given_.values()) == min(room, sum(wanted.values()))
    assert all(given_[table] <= wanted[table] for table in wanted)
    assert given_["a"] >= min(wanted["a"], room - sum(min(3, wanted[table]) for table in "bc"))


def test_arrows_choose_and_the_choice_stays_when_lines_move():
    shown = view()
    assert chosen(shown).startswith("  w0")
    pressed(shown, "down", "down", "down")
    assert chosen(shown).startswith("  w1")
    seen = shown.overview
    shown.overview = msgspec.structs.replace(seen, workers=seen.workers[1:])
    assert chosen(shown).startswith("  w1")
    shown.overview = msgspec.structs.replace(seen, workers=seen.workers[:1])
    assert chosen(shown).startswith("  w0")
    pressed(shown, "end", "down")
    assert "b0" in chosen(shown)


def test_keys_ask_for_what_concerns_the_chosen_line():
    shown = view()
    assert pressed(shown, "k") == []
    assert "choose one" in shown.note
    assert pressed(shown, "down", "enter") == [Wish(Act.EXPLAIN, "a0")]
    assert pressed(shown, "k", "x") == []
    assert shown.note == "nothing was revoked"
    assert pressed(shown, "k", "y", "k", "t") == [Wish(Act.REVOKE, "a0"), Wish(Act.TERMINATE, "a0")]
    assert pressed(shown, "tab", "p", "down", "p", "enter") == [
        Wish(Act.PAUSE, "q0"),
        Wish(Act.RESUME, "q1"),
        Wish(Act.PEEK, "q1"),
    ]
    assert pressed(shown, "tab", "down", "enter") == []
    assert "shop.t1: 10.0 % of 10 failed" in texts(shown)[-2]
    assert pressed(shown, "esc") == []
    assert pressed(shown, "tab", "enter", "q") == [Wish(Act.EXPLAIN, "d0"), Wish(Act.QUIT)]


def test_what_is_told_lies_over_the_lower_part_until_a_key():
    shown = view()
    pressed(shown, "enter")
    assert "w0/e is process 7 on here" in texts(shown)[-2]
    assert pressed(shown, "q") == []
    assert "w0/e" not in texts(shown)[-2]


def test_sorting_goes_round():
    shown = view()
    shown.focus = "queues"
    names = []
    for _ in range(4):
        names.append([line.split()[0] for line in texts(shown) if line.startswith("  q")])
        pressed(shown, "s")
    assert names[0] == names[3] == ["q0", "q1"]
    assert any("(by ready)" in line for line in texts(shown))


@pytest.mark.parametrize(
    ("text", "width", "fitting"),
    [("abc", 2, "ab"), ("a\nb\x1b[2J", 20, "a?b?[2J"), ("日本語", 5, "日本"), ("e\u0301x", 1, "e\u0301"), ("", 3, "")],
)
def test_text_fits_and_moves_no_cursor(text, width, fitting):
    assert fit(text, width) == fitting
