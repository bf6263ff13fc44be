"""The zygote and a core that goes away: it ends, and says nothing of it."""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Callable
from pathlib import Path

from celeriac.worker.lane.frame import Fork, Forked, encode, receive_news
from celeriac.worker.options import Pool
from celeriac.worker.processes.zygote import serve


def ask(core: socket.socket) -> None:
    """Ask for a child, as the core does."""
    descriptors = [os.eventfd(0) for _ in range(3)]
    socket.send_fds(core, [encode(Fork(0, Pool()))], descriptors)
    for descriptor in descriptors:
        os.close(descriptor)


def zygote(core: socket.socket, control: socket.socket, live: Callable[[], None], log: Path) -> int:
    """Start one; its process id. What it says goes into a file."""
    pid = os.fork()
    if pid == 0:
        core.close()
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT), 2)
        try:
            serve(control, lambda *_: live())
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    control.close()
    return pid


def test_a_core_that_is_gone_when_its_child_is_there(tmp_path: Path) -> None:
    core, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ask(core)
    core.close()
    pid = zygote(core, control, lambda: None, tmp_path / "log")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert not (tmp_path / "log").read_text()


def test_a_core_that_goes_while_a_child_ends(tmp_path: Path) -> None:
    core, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ends, told = os.pipe()

    def live() -> None:
        os.close(told)
        os.read(ends, 1)

    ask(core)
    pid = zygote(core, control, live, tmp_path / "log")
    assert isinstance(receive_news(core), Forked)
    os.write(told, b"x")
    core.close()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert not (tmp_path / "log").read_text()
    os.close(ends)
    os.close(told)
