"""A pidfile keeps a second worker away, and only as long as the first one lives."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from celeriac.exceptions import ImproperlyConfigured
from celeriac.worker.system.pidfile import Pidfile, PidfileInUse, lives


@pytest.fixture
def gone():
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_it_is_there_with_the_number_of_this_process_and_then_gone(tmp_path):
    path = tmp_path / "worker.pid"
    with Pidfile(str(path)):
        assert path.read_text() == f"{os.getpid()}\n"
    assert list(tmp_path.iterdir()) == []


def test_of_a_process_that_lives_nothing_is_taken(tmp_path):
    path = tmp_path / "worker.pid"
    path.write_text(f"{os.getppid()}\n")
    with pytest.raises(PidfileInUse, match=f"names the process {os.getppid()}, which runs"), Pidfile(str(path)):
        pass
    assert path.read_text() == f"{os.getppid()}\n"


@pytest.mark.parametrize("content", ["", "nonsense\n", "99999999999999999999\n", "0\n", "-1\n"])
def test_a_broken_one_is_replaced(tmp_path, content):
    path = tmp_path / "worker.pid"
    path.write_text(content)
    with Pidfile(str(path)):
        assert path.read_text() == f"{os.getpid()}\n"


def test_one_of_a_process_that_is_gone_is_replaced(tmp_path, gone):
    path = tmp_path / "worker.pid"
    path.write_text(f"{gone}\n")
    with Pidfile(str(path)) as pidfile:
        assert pidfile.read() == os.getpid()


def test_in_a_container_the_same_number_is_that_of_the_one_before(tmp_path):
    path = tmp_path / "worker.pid"
    path.write_text(f"{os.getpid()}\n")
    with Pidfile(str(path)):
        assert path.exists()


def test_a_file_that_has_become_another_ones_stays(tmp_path):
    path = tmp_path / "worker.pid"
    with Pidfile(str(path)):
        path.write_text("1\n")
    assert path.read_text() == "1\n"


def test_a_corpse_does_not_live():
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not lives(process.pid)
    process.stdout.close()
    process.wait()


def test_where_it_cannot_be_written_the_error_says_so(tmp_path):
    with pytest.raises(ImproperlyConfigured, match=r"absent/worker\.pid cannot be written: No such file"):
        Pidfile(str(tmp_path / "absent" / "worker.pid")).__enter__()


@pytest.mark.slow
def test_of_many_that_start_at_once_one_begins(tmp_path, gone):
    path = tmp_path / "worker.pid"
    path.write_text(f"{gone}\n")
    program = (
        "import sys\nfrom celeriac.worker.system.pidfile import Pidfile, PidfileInUse\n"
        "sys.stdin.readline()\n"
        "try:\n    with Pidfile(sys.argv[1]):\n        print('begun', flush=True); sys.stdin.readline()\n"
        "except PidfileInUse:\n    print('away', flush=True); sys.stdin.readline()\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    try:
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        said = [process.stdout.readline() for process in processes if process.stdout is not None]
    finally:
        for process in processes:
            process.communicate("\n")
    assert sorted(said) == ["away\n"] * 5 + ["begun\n"]
