"""Several workers on one command line: their names, and which option is whose."""

from __future__ import annotations

import signal
from shlex import split

import pytest

from celeriac.cli.nodes import Line
from celeriac.ids import hostname

HERE = hostname()


def nodes(line, app=None):
    return Line.read(split(line)).nodes(app)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("3", [f"celery1@{HERE}", f"celery2@{HERE}", f"celery3@{HERE}"]),
        ("2 --range-prefix=w", [f"w1@{HERE}", f"w2@{HERE}"]),
        ("web mail", [f"web@{HERE}", f"mail@{HERE}"]),
        ("web mail --prefix=x. --suffix=there", ["x.web@there", "x.mail@there"]),
        ("web mail@far -n there", ["web@there", "mail@far"]),
        ("web --hostname=there", ["web@there"]),
        ("", []),
    ],
)
def test_names(line, names):
    assert [node.name for node in nodes(line)] == names


@pytest.mark.parametrize(
    ("line", "option", "values"),
    [
        ("3 -c 4", "-c", ["4", "4", "4"]),
        ("3 -c 4 -c:2 9", "-c", ["4", "9", "4"]),
        ("4 -Q:1-2 a,b -Q:3 c -Q d", "-Q", ["a,b", "a,b", "c", "d"]),
        ("3 -Q:1,3 a -Q d", "-Q", ["a", "d", "a"]),
        ("3 -Q:2-9 a -Q d", "-Q", ["d", "a", "a"]),
        ("web mail -c:web 10 -c:2 3", "-c", ["10", "3"]),
        ("web mail -c:web,mail 10", "-c", ["10", "10"]),
        ("far-web mail -c:far-web 10", "-c", ["10", None]),
        ("web mail --autoscale:mail=3,1", "--autoscale", [None, "3,1"]),
        ("web mail -E:mail -c 1", "-E", ["unsaid", None]),
    ],
)
def test_options_are_for_all_or_for_those_behind_the_colon(line, option, values):
    assert [node.options.get(option, "unsaid" if "unsaid" in values else None) for node in nodes(line)] == values


@pytest.mark.parametrize("who", ["mail", "0", "4", "1,mail", "x-2"])
def test_an_option_for_nobody_is_a_mistake(who):
    with pytest.raises(ValueError, match="no worker"):
        nodes(f"3 -c:{who} 4")


def test_what_each_is_started_with():
    (first, second) = nodes(
        "web mail -A proj -b redis://x --pidfile=run/%n.pid -f log/%n%I.log -l INFO -c:mail 2 "
        "--log-format='%(message)s' -- --purge -E",
    )
    assert first.command() == [
        *("-A", "proj", "-b", "redis://x", "worker", "--detach", "-n", f"web@{HERE}"),
        *("--pidfile=run/web.pid", "--logfile=log/web.log", "-l", "INFO", "--log-format=%(message)s", "--purge", "-E"),
    ]
    assert tuple(second.command()[-4:-2]) == ("-c", "2")


def test_the_app_of_the_whole_command_is_that_of_each_that_names_none():
    assert [node.options["-A"] for node in nodes("2 -A:2 other", "proj")] == ["proj", "other"]
    assert "-A" not in nodes("1 --app=other", "proj")[0].options


def test_files_lie_where_the_worker_goes_first():
    (node,) = nodes("web --workdir=/srv --pidfile=%n.pid --logfile=/var/log/%p")
    assert (node.pidfile, node.logfile) == ("/srv/web.pid", f"/var/log/web@{HERE}")
    (node,) = nodes("web")
    assert (node.pidfile, node.logfile) == ("/var/run/celery/web.pid", "/var/log/celery/web.log")


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("-INT", signal.SIGINT),
        ("-SIGQUIT", signal.SIGQUIT),
        ("-9", signal.SIGKILL),
        ("-hup", signal.SIGHUP),
        ("-c", signal.SIGTERM),
        ("-99", signal.SIGTERM),
    ],
)
def test_a_signal_among_the_options(word, number):
    line = Line.read(["web", word])
    assert line.take_signal(signal.SIGTERM) is number
    assert (word in line.options) == (number is signal.SIGTERM)
