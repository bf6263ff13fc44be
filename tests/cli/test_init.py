"""`celeriac init`: each project passes its own tests, and its worker runs what its web application sends.

The frameworks are in an environment of their own, `.venv-starters`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.guard import Guard
from tests.worker.ledger import wait_until
from tools.servers.port import free_port, listens

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-starters" / "bin" / "python"
WEB = {
    "django": ["manage.py", "runserver", "--noreload", "{port}"],
    "flask": ["-m", "flask", "--app", "proj.web:web", "run", "--port", "{port}"],
    "fastapi": ["-m", "uvicorn", "proj.web:web", "--port", "{port}"],
}


def init(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "celeriac", "init", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def environment() -> dict[str, str]:
    """That of a user who has Celeriac installed, and nothing set."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CELERIAC_")}
    return {**inherited, "PYTHONPATH": str(ROOT / "src")}


def run(folder: Path, *arguments: str) -> str:
    """What a command of the project prints."""
    done = subprocess.run(
        [PYTHON, *arguments], cwd=folder, env=environment(), capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@contextmanager
def running(folder: Path, name: str, *arguments: str) -> Iterator[None]:
    """A program of the project, its output in a file."""
    with (folder / f"{name}.log").open("w+") as log:
        process = subprocess.Popen(
            [PYTHON, *arguments], cwd=folder, env=environment(), stdout=log, stderr=log, start_new_session=True
        )
        guard = Guard(process.pid)
        try:
            yield
            assert process.poll() is None, (folder / f"{name}.log").read_text()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            guard.dismiss()


def worker(folder: Path) -> Any:
    return running(folder, "worker", "-m", "celeriac", "-A", "proj", "worker", "-c", "1", "-l", "INFO")


@pytest.fixture
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A new project of the framework that is asked for."""
    if not PYTHON.exists():
        pytest.fail("the frameworks are missing: `make venv-starters` installs them in .venv-starters", pytrace=False)
    done = init(*request.param.split(), "shop", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    return tmp_path / "shop"


@pytest.mark.parametrize("project", ["plain", "django", "flask", "fastapi"], indirect=True)
def test_its_readme_and_its_ci_run_what_is_there(project):
    readme = (project / "README.md").read_text()
    for path in re.findall(r"`([\w./-]+)`", readme):
        assert (project / path).exists(), path
    for command in re.findall(r"^    celeriac -A proj (.*?)(?: ID)?(?: +#.*)?$", readme, re.MULTILINE):
        run(project, "-m", "celeriac", "-A", "proj", *command.split(), "--help")
    ci = (project / ".github" / "workflows" / "tests.yml").read_text()
    [test] = re.findall(r"run: (python .*)", ci)
    assert f"`{test}` runs the tests" in readme
    assert "$" not in readme + ci


@pytest.mark.slow
@pytest.mark.parametrize("project", ["plain", "flask", "fastapi"], indirect=True)
def test_its_own_tests_pass(project):
    assert "2 passed" in run(project, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert not (project / ".celeriac").exists()


@pytest.mark.slow
@pytest.mark.parametrize("project", ["django"], indirect=True)
def test_the_tests_of_the_django_project_pass(project):
    assert "Ran 2 tests" in run(project, "manage.py", "test")
    assert not (project / ".celeriac").exists()


@pytest.mark.slow
@pytest.mark.parametrize("project", ["plain"], indirect=True)
def test_the_worker_runs_what_a_program_sends(project):
    with worker(project):
        assert run(project, "-m", "proj.send", "2", "3") == "5\n"
    assert (project / ".celeriac").exists()


@pytest.mark.slow
@pytest.mark.parametrize("project", ["plain"], indirect=True)
def test_an_app_in_celery_py_is_found_as_well(project):
    (project / "proj" / "celeriac.py").rename(project / "proj" / "celery.py")
    tasks = project / "proj" / "tasks.py"
    tasks.write_text(tasks.read_text().replace("proj.celeriac", "proj.celery"))
    with worker(project):
        assert run(project, "-m", "proj.send", "2", "3") == "5\n"


@pytest.mark.slow
@pytest.mark.parametrize("project", ["django", "flask", "fastapi"], indirect=True)
def test_the_worker_runs_what_the_web_application_sends(project, request):
    framework = request.node.callspec.params["project"]
    port = free_port()
    web = [part.format(port=port) for part in WEB[framework]]
    with worker(project), running(project, "web", *web):
        wait_until(lambda: listens(port), 20, "the web application")
        id = ask("POST", f"http://127.0.0.1:{port}/add?x=2&y=3")["id"]
        result = f"http://127.0.0.1:{port}/results/{id}"
        wait_until(lambda: ask("GET", result) == {"state": "SUCCESS", "value": 5}, 20, "the result")


@pytest.mark.slow
@pytest.mark.parametrize("project", ["flask --broker redis"], indirect=True)
def test_on_redis_only_the_url_is_another(project, redis_url):
    assert 'broker_url = "redis://localhost:6379/0"' in (project / "proj" / "settings.py").read_text()
    assert "celeriac[redis]>=" in (project / "requirements.txt").read_text()
    settings = project / "proj" / "settings.py"
    settings.write_text(settings.read_text().replace("redis://localhost:6379/0", redis_url))
    with worker(project):
        program = "from proj.tasks import add; print(add.delay(2, 3).get(timeout=20))"
        assert run(project, "-c", program) == "5\n"


def ask(method: str, url: str) -> Any:
    with urlopen(Request(url, method=method, data=b"" if method == "POST" else None), timeout=20) as answer:
        return json.load(answer)


@pytest.mark.parametrize("framework", ["plain", "django", "flask", "fastapi"])
@pytest.mark.parametrize("broker", ["sqlite", "redis"])
def test_says_what_to_do_next_in_three_lines(tmp_path, framework, broker):
    done = init(framework, "my shop", "--broker", broker, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    install, work, _ = done.stdout.splitlines()
    assert install == "cd 'my shop' && pip install -r requirements.txt"
    assert work == "celeriac -A proj worker --loglevel INFO"
    written = [path for path in (tmp_path / "my shop").rglob("*") if path.is_file()]
    assert {"Dockerfile", "compose.yaml", "proj-worker.service", "settings.py", "tasks.py"} <= {p.name for p in written}
    for path in written:
        assert path.suffix != ".txt" or path.name == "requirements.txt"
        if path.suffix == ".py":
            compile(path.read_text(), path, "exec")


@pytest.mark.parametrize("framework", ["plain", "flask"])
@pytest.mark.parametrize("broker", ["sqlite", "redis"])
def test_the_compose_file_has_a_worker_and_what_it_needs(tmp_path, framework, broker):
    init(framework, "--broker", broker, folder=tmp_path)
    text = (tmp_path / "compose.yaml").read_text()
    services = [line.strip(" :") for line in text.splitlines() if line.startswith("  ") and line.endswith(":")]
    assert [name for name in services if name in ("worker", "web", "redis")] == [
        "worker",
        *["web"] * (framework == "flask"),
        *["redis"] * (broker == "redis"),
    ]
    assert "$" not in text


def test_nothing_is_overwritten_and_nothing_written_unless_forced(tmp_path):
    (tmp_path / "requirements.txt").write_text("mine\n")
    done = init("plain", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("requirements.txt is there already (1 of ")
    assert [path.name for path in tmp_path.iterdir()] == ["requirements.txt"]
    assert (tmp_path / "requirements.txt").read_text() == "mine\n"

    assert init("plain", "--force", folder=tmp_path).returncode == 0
    assert "celeriac" in (tmp_path / "requirements.txt").read_text()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = init("plain", "file/below", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("cannot write file")
    assert len(done.stderr.splitlines()) == 1


def test_an_unknown_framework_is_wrong_use(tmp_path):
    done = init("rails", folder=tmp_path)
    assert done.returncode == 2
    assert "'plain', 'django', 'flask', 'fastapi'" in done.stderr
