"""What is loaded when: a program pays for what it uses."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from celeriac import Celeriac

APP = """
from celeriac import Celeriac

app = Celeriac("tasks", broker={url!r})


@app.task
def add(x, y):
    return x + y
"""
IN_A_CHILD = """
import os, sys

@app.task
def modules():
    return sorted(sys.modules)

@app.task
def loops():
    paths = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    return sum(os.path.lexists(path) and "eventpoll" in os.readlink(path) for path in paths)

@app.task
async def aloops():
    return loops()
"""
FOR_OPERATORS = {"celeriac.cli", *(f"celeriac.control.{name}" for name in ("control", "dead", "delayed", "queues"))}
FOR_CALLS = {
    "celeriac.app.calling",
    "celeriac.message",
    "celeriac.result",
    "celeriac.calls.sender",
    "celeriac.stores.contract",
}
FOR_WORKERS = {"celeriac.worker", "celeriac.testing", "celeriac.demo", "celeriac.cli.templates"}
SLOW = {
    "asyncio",
    "concurrent",
    "dataclasses",
    "importlib.resources",
    "inspect",
    "logging",
    "multiprocessing",
    "ssl",
    "tempfile",
    "traceback",
}
"""Modules of the standard library that take long to load."""


def loaded_by(program: str) -> set[str]:
    """The modules that a fresh interpreter has loaded because of this program."""
    # What msgspec takes from typing_extensions where that happens to be installed is not ours.
    start = "import sys; sys.modules['typing_extensions'] = None; before = set(sys.modules)"
    end = "import sys; print('loaded', *(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-c", f"{start}\n{program}\n{end}"],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


def command(*arguments: str) -> str:
    return f"""
from celeriac.cli.main import cli
try:
    cli({list(arguments)!r})
except SystemExit as end:
    assert end.code == 0
"""


def of_ours(modules: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] == "celeriac"}


def within(modules: set[str], packages: set[str]) -> set[str]:
    return {name for name in modules if any(name == one or name.startswith(f"{one}.") for one in packages)}


def of_others(modules: set[str]) -> set[str]:
    """Packages that are neither ours nor Python's."""
    roots = {name.partition(".")[0] for name in modules}
    return {root for root in roots if root not in sys.stdlib_module_names and root != "celeriac"}


def test_the_package_alone_loads_nothing():
    assert loaded_by("import celeriac; celeriac.__version__") == {"celeriac"}


def test_every_name_of_the_package_is_there_and_no_other():
    program = "import celeriac; print([getattr(celeriac, name) for name in celeriac.__all__]); celeriac.nothing"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "AttributeError: module 'celeriac' has no attribute 'nothing'"
    assert loaded_by("from celeriac import *; Celery, AsyncResult, gather")


def test_the_version_needs_no_app_and_no_store():
    modules = loaded_by(command("--version"))
    assert of_ours(modules) == {
        "celeriac",
        "celeriac.cli",
        "celeriac.cli.global_options",
        "celeriac.cli.loading",
        "celeriac.cli.main",
        "celeriac.exceptions",
    }
    assert of_others(modules) == {"click"}


def test_the_help_needs_no_app_and_no_store():
    modules = loaded_by(command("--help"))
    allowed = {"celeriac.cli", "celeriac.exceptions", "celeriac.ids", "celeriac.cli.templates"}
    assert of_ours(modules) - within(modules, allowed) == {"celeriac"}
    assert of_others(modules) == {"click"}


def test_an_app_with_a_task_is_nothing_but_python():
    modules = loaded_by(APP.format(url="redis://localhost:6379/0"))
    assert of_others(modules) == set()
    assert not within(modules, {*FOR_CALLS, *FOR_OPERATORS, *FOR_WORKERS, *SLOW, "json", "pathlib", "socket", "uuid"})


@pytest.mark.parametrize("store", ["sqlite", "redis"])
def test_a_first_call_loads_its_store_and_no_event_loop(store, tmp_path, request):
    url = f"sqlite:///{tmp_path}/tasks.db" if store == "sqlite" else request.getfixturevalue("redis_url")
    modules = loaded_by(APP.format(url=url) + "add.delay(1, 2)")
    assert of_others(modules) == ({"msgspec"} if store == "sqlite" else {"msgspec", "hiredis"})
    others = {"celeriac.stores.redis", "celeriac.stores.sqlite", "celeriac.stores.memory"} - {
        f"celeriac.stores.{store}"
    }
    assert not within(modules, {*FOR_OPERATORS, *FOR_WORKERS, *SLOW, *others, "pathlib", "urllib"})
    assert store == "redis" or "hashlib" not in modules


def test_a_launcher_knows_no_command_and_no_store():
    modules = loaded_by("import celeriac.worker.__main__")
    assert of_others(modules) <= {"msgspec", "uvloop", "_cython_3_3_0", "cython_runtime"}
    assert not within(modules, {*FOR_OPERATORS, "celeriac.app.calling", "celeriac.result", "pathlib", "urllib"})
    assert not within(modules, {"celeriac.stores.redis", "celeriac.stores.sqlite", "celeriac.stores.memory"})


def test_a_child_has_nothing_of_the_command_and_an_event_loop_only_for_coroutines(tmp_path):
    url = f"sqlite:///{tmp_path}/tasks.db"
    (tmp_path / "tasks.py").write_text(APP.format(url=url) + IN_A_CHILD)
    command = [sys.executable, "-m", "celeriac", "-A", "tasks", "worker", "-c", "1"]
    with subprocess.Popen(command, cwd=tmp_path) as worker:
        try:
            with Celeriac(broker=url) as app:
                modules = set(app.send_task("tasks.modules").get(timeout=40))
                # What calls need is there, imported once for all children before any limit could interrupt it.
                assert not within(modules, {*FOR_OPERATORS, "click", "pathlib", "urllib"})
                assert app.send_task("tasks.loops").get(timeout=40) == 0
                assert app.send_task("tasks.aloops").get(timeout=40) == 1
                assert app.send_task("tasks.loops").get(timeout=40) == 1
        finally:
            worker.terminate()
