"""The picture of the README shows what a worker and an operator really printed, and nothing of the machine."""

from __future__ import annotations

import re
import socket
import xml.etree.ElementTree as ElementTree

import pytest

from tools.recording import PICTURE, record
from tools.terminal import LONGEST_PAUSE, REST, TYPING, Line, Pane, draw

TEXT = "{http://www.w3.org/2000/svg}text"


def rows(picture: str) -> list[str]:
    """What stands in the rows, the titles of the windows left out."""
    return ["".join(row.itertext()) for row in ElementTree.fromstring(picture).iter(TEXT) if row.get("class")]


def test_codes_become_looks_and_marks_are_escaped():
    picture = draw([Pane("one", [Line(0, "\x1b[1;31ma <b>\x1b[0m & c\x1b[K")])], 80)
    assert rows(picture) == ["a <b> & c"]
    assert '<tspan fill="#ff7b72" font-weight="bold">a &lt;b&gt;</tspan> &amp; c</text>' in picture


def test_a_long_line_goes_on_in_the_next_row():
    assert rows(draw([Pane("one", [Line(0, "x" * 25)])], 10)) == ["x" * 10, "x" * 10, "x" * 5]
    assert rows(draw([Pane("one", [Line(0, "")])], 10)) == [""]


def test_lines_appear_one_after_the_other_over_all_panes_and_pauses_are_short():
    typed, printed, other = Line(5.0, "\x1b[1;32m$\x1b[0m go"), Line(5.01, "gone"), Line(99.0, "heard")
    picture = draw([Pane("one", [typed, printed]), Pane("two", [other])], 80)
    assert rows(picture) == ["$ go", "gone", "heard"]
    length = TYPING + LONGEST_PAUSE + REST
    shares = re.findall(r"animation:k\d ([\d.]+)s step-end infinite.*?opacity:0\}([\d.]+)%", picture)
    assert shares == [(f"{length:.2f}", f"{100 * at / length:.3f}") for at in (TYPING, TYPING + LONGEST_PAUSE)]


def test_the_picture_names_no_machine():
    picture = PICTURE.read_text()
    assert not re.search(r"/(home|root|tmp|Users|var|work)\b", picture)
    host = socket.gethostname()
    assert len(host) < 4 or host not in picture
    assert "worker@shop" in picture


@pytest.mark.slow
def test_it_is_recorded_from_programs_that_run(tmp_path):
    worker, operator = record(
        tmp_path, ("celeriac -A shop call shop.ship --args '[7]'", "celeriac -A shop result ID --timeout 10")
    )
    assert [line.text for line in operator.lines][-1] == "order 7 shipped"
    assert any("~/shop/.celeriac/tasks.db" in line.text for line in worker.lines)
    assert str(tmp_path) not in draw([worker, operator], 100)
