"""SIGHUP: a new zygote imports the code anew, its children take over, the old ones finish what they run."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from celeriac.result import gather
from tests.guard import Guard
from tests.worker.ledger import wait_until
from tests.worker.process import ROOT, START_SECONDS, Worker, is_alive
from tests.worker.scene import Scene, open_gate

pytestmark = pytest.mark.slow

SOURCE = """
from tests.worker.tasks import app, gate as _

VERSION = {version}

@app.task(name="version")
def version():
    return VERSION

@app.task(name="version_after")
def version_after(number, fifo):
    _.run(number, fifo)
    return VERSION
"""


class Changing:
    """A worker whose code is in a file that changes."""

    def __init__(self, scene: Scene, children: int = 2, *options: str) -> None:
        self._file = scene.folder / "changing.py"
        self.write(SOURCE.format(version=1))
        # Two versions of one second and size would be one to the cache of compiled code.
        environment = {"PYTHONDONTWRITEBYTECODE": "1"}
        self.worker: Worker = scene.ready_worker(children, *options, app="changing", environment=environment)

    def write(self, source: str) -> None:
        """Replace the code."""
        self._file.write_text(source)

    def reload(self, version: int) -> None:
        """Write another version and return when it is in use."""
        times = self.worker.log.read_bytes().count(b"the new code is in use")
        self.write(SOURCE.format(version=version))
        self.worker.tell(signal.SIGHUP)
        wait_until(
            lambda: self.worker.log.read_bytes().count(b"the new code is in use") > times, START_SECONDS, "new code"
        )


def test_new_tasks_run_new_code_and_old_ones_end_in_the_old(scene: Scene) -> None:
    gate = scene.new_gate()
    changing = Changing(scene)
    worker, old = changing.worker, changing.worker.zygote
    running = scene.send("version_after", 1, str(gate))
    scene.ledger.wait_for_starts(1)
    changing.reload(2)
    assert gather([scene.send("version") for _ in range(8)], timeout=10) == [2] * 8
    assert is_alive(old)
    open_gate(gate)
    assert running.get(timeout=10) == 1
    wait_until(lambda: not is_alive(old), 5, "end of the old zygote")
    assert worker.stop() == 0


def test_code_that_cannot_be_imported_changes_nothing(any_scene: Scene) -> None:
    changing = Changing(any_scene, 1)
    worker, zygote = changing.worker, changing.worker.zygote
    changing.write("raise RuntimeError('half written')")
    worker.tell(signal.SIGHUP)
    wait_until(lambda: worker.said("RuntimeError: half written"), START_SECONDS, "the reason")
    assert worker.said("Traceback")
    assert any_scene.send("version").get(timeout=10) == 1
    assert worker.zygote == zygote
    changing.reload(2)
    assert any_scene.send("version").get(timeout=10) == 2
    os.kill(worker.children[0], signal.SIGKILL)
    assert any_scene.send("version").get(timeout=10) == 2
    assert worker.stop() == 0


def test_the_new_zygote_is_replaced_when_it_dies(any_scene: Scene) -> None:
    gate = any_scene.new_gate()
    changing = Changing(any_scene, 1)
    running = any_scene.send("version_after", 1, str(gate))
    any_scene.ledger.wait_for_starts(1)
    old = changing.worker.zygote
    changing.reload(2)
    new = changing.worker.zygotes[-1]
    assert new != old
    os.kill(new, signal.SIGKILL)
    assert any_scene.send("version").get(timeout=10) == 2
    open_gate(gate)
    assert running.get(timeout=10) == 1
    assert changing.worker.stop() == 0


def test_work_goes_on_without_a_gap_through_many_reloads(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    changing = Changing(scene)
    results = scene.send_many("slow", [(number, 0.01) for number in range(500)])
    took = []
    for version in range(2, 6):
        scene.ledger.wait_for_starts(60 * version)
        began = time.monotonic()
        changing.reload(version)
        took.append(time.monotonic() - began)
    reloaded = time.monotonic_ns()
    assert gather(results, timeout=30) == list(range(500))
    starts = scene.ledger.starts()
    assert len(starts) == 500
    during = [record.when for record in starts if record.when < reloaded]
    gap = max(after - before for before, after in pairwise(during)) / 1e9
    with capsys.disabled():
        print(f"\n  longest pause between two tasks in four reloads: {gap * 1000:.0f} ms, {len(during)} tasks")
    # A worker that stood still for a reload would for nearly as long as it takes, however slow the machine.
    assert gap < max(0.5, max(took) / 2)
    assert changing.worker.stop() == 0


def test_a_terminal_that_goes_away_stops_the_worker(any_scene: Scene) -> None:
    ours, theirs = pty.openpty()
    log = any_scene.folder / "terminal.log"
    environment = {"TEST_BROKER": any_scene.url, "TEST_LEDGER": str(any_scene.folder / "ledger")}
    with log.open("wb") as stderr:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celeriac", "-A", "tests.worker.tasks", "worker", "-c", "1", "-l", "INFO"],
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", **environment},
            cwd=any_scene.folder,
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
    guard = Guard(worker.pid)
    os.close(theirs)
    assert any_scene.send("quick", 1).get(timeout=20) == 1
    worker.send_signal(signal.SIGHUP)
    assert worker.wait(10) == 0
    guard.dismiss()
    os.close(ours)
    assert b"stopping" in Path(log).read_bytes()


def waits(changing: Changing, *texts: str) -> None:
    """Return when the log says these, one after the other."""
    wait_until(lambda: all(changing.worker.said(text) for text in texts), START_SECONDS, f"{texts} in the log")


def test_files_that_change_are_read_anew_without_being_asked(any_scene: Scene) -> None:
    changing = Changing(any_scene, 2, "--reload")
    assert any_scene.send("version").get(timeout=10) == 1
    changing.write(SOURCE.format(version=2))
    waits(changing, "changing.py changed", "the new code is in use")
    assert any_scene.send("version").get(timeout=10) == 2
    changing.write("def half(:\n")
    waits(changing, "the new code cannot be imported; the old goes on", "SyntaxError")
    assert any_scene.send("version").get(timeout=10) == 2
    # Only what was there when the import failed says that something is wrong with a new module.
    (any_scene.folder / "fresh.py").write_text("VERSION = 3\n")
    changing.write(SOURCE.replace("VERSION = {version}", "from fresh import VERSION"))
    wait_until(lambda: any_scene.send("version").get(timeout=10) == 3, START_SECONDS, "third version")
    (any_scene.folder / "fresh.py").write_text("VERSION = 4\n")
    wait_until(lambda: any_scene.send("version").get(timeout=10) == 4, START_SECONDS, "fourth version")
    assert changing.worker.stop() == 0


def test_what_changes_while_the_code_is_being_read_is_read_too(any_scene: Scene) -> None:
    slow = "import time\ntime.sleep(1)\n" + SOURCE
    changing = Changing(any_scene, 1, "--reload")
    changing.write(slow.format(version=2))
    waits(changing, "told to read the code anew")
    changing.write(slow.format(version=3))
    wait_until(lambda: any_scene.send("version").get(timeout=10) == 3, START_SECONDS, "third version")
    assert changing.worker.stop() == 0


def test_a_process_that_dies_while_it_reads_the_code_is_told(any_scene: Scene) -> None:
    changing = Changing(any_scene, 1)
    changing.write("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    changing.worker.tell(signal.SIGHUP)
    waits(changing, "the new code cannot be imported; the old goes on", "the process that imported it died")
    assert any_scene.send("version").get(timeout=10) == 1
    assert changing.worker.stop() == 0


def test_a_solo_worker_is_told_that_it_cannot(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "celeriac", "-A", "any", "worker", "-P", "solo", "--reload"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert "a solo worker has one process" in done.stderr
