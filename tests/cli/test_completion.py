"""What shells complete, in a real bash where it can be asked, and else by the way click's scripts ask."""

from __future__ import annotations

import shutil
import subprocess
import time

import pytest

from tests.cli.project import Project
from tests.cli.store import app_of

pytestmark = pytest.mark.slow


def completed(project: Project, *words: str) -> list[str]:
    """What is proposed for the last word."""
    command, environment = project.spelled(None)
    asked = {"_CELERIAC_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(["celeriac", *words])}
    done = subprocess.run(
        command,
        cwd=project.folder,
        env={**environment, **asked, "COMP_CWORD": str(len(words))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def in_the_end(project, *words):
    """The same where the app is asked: a shell does not wait for ever, and the machine may be busy at first."""
    for _ in range(10):
        if found := completed(project, *words):
            break
    return found


def test_commands_tasks_and_queues_are_completed(idle_project):
    assert completed(idle_project, "qu") == ["queues"]
    assert completed(idle_project, "queues", "pa") == ["pause"]
    assert "proj.add" in in_the_end(idle_project, "-A", "proj", "call", "proj.a")
    with app_of(idle_project) as app:
        for queue in ("north", "nadir", "south"):
            app.send_task("proj.add", (1, 1), queue=queue)
    assert in_the_end(idle_project, "-A", "proj", "queues", "pause", "n") == ["nadir", "north"]
    for command in ("purge", "worker"):
        assert in_the_end(idle_project, "-A", "proj", command, "-Q", "south,no") == ["south,north"]


def test_nobody_waits_for_an_app_that_cannot_be_had(idle_project):
    assert completed(idle_project, "call", "p") == []
    assert completed(idle_project, "-A", "nowhere", "call", "p") == []
    (idle_project.folder / "slow.py").write_text("import time\nprint('noise')\ntime.sleep(60)\n")
    began = time.monotonic()
    assert completed(idle_project, "-A", "slow", "call", "p") == []
    assert time.monotonic() - began < 20
    (idle_project.folder / "loud.py").write_text("import sys\nprint('x')\nsys.exit(3)\n")
    assert completed(idle_project, "-A", "loud", "call", "p") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_of_its_shell(idle_project, shell):
    script = idle_project.run("completion", shell, app=None).stdout
    assert "_CELERIAC_COMPLETE" in script
    program = shutil.which(shell)
    if program is None:
        return
    checked = subprocess.run([program, "-n"], input=script, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_bash_completes(idle_project, tmp_path):
    program = tmp_path / "celeriac"
    command, environment = idle_project.spelled(None)
    program.write_text(f'#!/bin/sh\nexec {" ".join(command)} "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(celeriac completion bash)"; COMP_WORDS=(celeriac stat); COMP_CWORD=1; _celeriac_completion celeriac; '
    )
    done = subprocess.run(
        ["bash", "-c", f'{script} echo "${{COMPREPLY[@]}}"'],
        env={**environment, "PATH": f"{tmp_path}:{environment['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "status\n", done.stderr
