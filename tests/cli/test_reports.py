"""`shell`, `report`, `upgrade settings` and `logtool` as somebody types them."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.cli.project import Project
from tests.cli.store import app_of

pytestmark = pytest.mark.slow

USAGE, FAILED = 2, 1


def typed(project: Project, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command with this on its standard input."""
    command, environment = project.spelled("proj", *arguments)
    return subprocess.run(
        command, cwd=project.folder, env=environment, input=text, capture_output=True, text=True, check=False
    )


def test_the_shell_has_the_app_and_its_tasks(idle_project):
    done = typed(idle_project, "print(add(1, 2), app is celery, Queue.__name__)\n", "shell", "-P")
    assert (done.returncode, "3 True Queue" in done.stdout) == (0, True)
    bare = typed(idle_project, "add\napp\n", "shell", "--python", "-T")
    assert "NameError" in bare.stderr
    assert "<Celeriac proj" in bare.stdout
    patched = typed(idle_project, "import socket; print(socket.socket.__module__)\n", "shell", "-P", "--gevent")
    assert "gevent" in patched.stdout
    for wrong, said in ((["--eventlet"], "not supported"), (["-I"], "not installed"), (["-I", "-P"], "one of")):
        refused = typed(idle_project, "", "shell", *wrong)
        assert (refused.returncode, said in refused.stderr) == (USAGE, True), wrong


def test_a_report_hides_passwords(idle_project):
    source = idle_project.folder / "proj.py"
    source.write_text(
        source.read_text() + "\napp.conf.update(my_password='hunter2', task_acks_late=True, note='mine')\n"
    )
    project = Project(idle_project.folder, "redis://me:hunter2@127.0.0.1:1/0")
    text = project.prints("report")
    assert "hunter2" not in text
    assert "broker:redis://me:********@127.0.0.1:1/0" in text
    assert "task_acks_late: True" in text.splitlines()
    assert text.startswith("software   -> celeriac:")
    found = json.loads(project.prints("report", "--json"))
    assert (found["app"]["name"], found["settings"]["note"]) == ("proj", "mine")
    assert "hunter2" not in json.dumps(found)
    bare = project.run("report", "--json", app=None)
    assert sorted(json.loads(bare.stdout)) == ["platform", "software"]


def test_settings_are_upgraded_in_place(idle_project):
    file = idle_project.folder / "old.py"
    old = "BROKER_URL = 'redis://'\r\nCELERYD_CONCURRENCY = 2\n"
    file.write_bytes(old.encode())
    said = idle_project.prints("upgrade", "settings", str(file), "--django")
    assert said.splitlines()[0] == f"{file}:1: BROKER_URL -> CELERY_BROKER_URL"
    assert file.read_bytes() == b"CELERY_BROKER_URL = 'redis://'\r\nCELERY_WORKER_CONCURRENCY = 2\n"
    backup = idle_project.folder / "old.py.orig"
    assert backup.read_bytes() == old.encode()
    backup.unlink()
    assert idle_project.prints("upgrade", "settings", str(file), "--compat") == "0 names changed"
    assert not backup.exists()
    file.write_text(old)
    answer = json.loads(idle_project.prints("upgrade", "settings", "--no-backup", "--json", "old.py"))
    assert (answer["backup"], answer["changed"][1]) == (
        None,
        {"line": 2, "old": "CELERYD_CONCURRENCY", "new": "worker_concurrency"},
    )
    assert not backup.exists()
    for nonsense in (b"BROKER_URL = (", b"BROKER_URL = '\xff'"):
        file.write_bytes(nonsense)
        broken = idle_project.run("upgrade", "settings", "old.py")
        assert (broken.returncode, len(broken.stderr.splitlines())) == (FAILED, 1)
        assert file.read_bytes() == nonsense
    assert idle_project.run("upgrade", "settings", "none.py").returncode == USAGE


@pytest.mark.parametrize("form", ["json", None])
@pytest.mark.parametrize("project", ["sqlite"], indirect=True)
def test_the_log_of_a_worker_is_read_back(project, form):
    with app_of(project) as app:
        good = [app.send_task("proj.add", (number, 1)) for number in range(3)]
        bad = app.send_task("proj.fail", ("no",))
        with project.worker(*(() if form is None else ("--log-format", form))) as worker:
            good[-1].get(20)
            bad.get(20, propagate=False)
            worker.stop()
    log = project.folder / "worker.log"
    log.write_text(worker.said)
    figures = json.loads(project.prints("logtool", "stats", "--json", str(log)))
    assert (figures["total"], figures["succeeded"], figures["failed"], figures["incomplete"]) == (4, 3, 1, 0)
    assert figures["tasks"] == {"proj.add": 3, "proj.fail": 1}
    assert "        3 proj.add" in project.prints("logtool", "stats", "worker.log").splitlines()
    (error,) = json.loads(project.prints("logtool", "errors", "--json", "worker.log"))
    assert (error["task"], error["id"]) == ("proj.fail", bad.id)
    assert "raise ValueError(text)" in project.prints("logtool", "traces", "worker.log")
    assert project.prints("logtool", "incomplete", "worker.log") == ""
    assert " serves celery" in project.prints("logtool", "debug", "worker.log")
    half = "".join(line for line in worker.said.splitlines(keepends=True) if "succeeded" not in line)
    open_ones = typed(project, half, "logtool", "incomplete").stdout.split()
    assert sorted(open_ones[::2]) == sorted(result.id for result in good)
