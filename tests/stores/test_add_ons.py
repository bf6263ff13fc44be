"""Packages that bring serializers, stores and result backends, installed for real: a folder with entry points."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from celeriac.exceptions import ImproperlyConfigured
from celeriac.stores.open import open_store

MODULE = """
import json
from celeriac.stores.memory import MemoryStore


def write(value):
    return json.dumps(value)[::-1]


def read(text):
    return json.loads(text[::-1])


upside_down = (write, read, "application/x-upside", "utf-8")
backwards = (lambda value: write(value).encode(), read, "application/x-back", "binary")


def open_store(broker_url, result_backend, **options):
    store = MemoryStore(broker_url)
    store.told = (result_backend, sorted(options))
    return store
"""

ENTRIES = """
[kombu.serializers]
upside = addon:upside_down

[celeriac.serializers]
back = addon:backwards

[celeriac.stores]
addon = addon:open_store

[celery.result_backends]
elsewhere = nobody_loads:Backend
"""


@pytest.fixture
def run(tmp_path):
    """Run a program where the package is installed; what it prints."""
    (tmp_path / "addon.py").write_text(MODULE)
    info = tmp_path / "addon-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text(ENTRIES)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: addon\nVersion: 1.0\n")

    def program(text):
        start = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        done = subprocess.run(
            [sys.executable, "-c", start + textwrap.dedent(text)],
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return program


@pytest.mark.slow
@pytest.mark.parametrize("broker", ["memory://", "sqlite", "redis"])
def test_a_serializer_of_an_add_on_writes_arguments_and_results(run, broker, tmp_path, redis_url):
    url = {"sqlite": f"sqlite:///{tmp_path}/tasks.db", "redis": redis_url}.get(broker, broker)
    for name in ("upside", "back"):
        said = run(f"""
            from celeriac import Celeriac
            from celeriac.stores.contract import ReadResults
            from celeriac.worker.processes.inprocess import InProcessWorker

            app = Celeriac("t", broker={url!r}, task_serializer={name!r}, result_serializer={name!r},
                accept_content=[{name!r}], task_unknown_timeout=0)

            @app.task(name="echo")
            def echo(value):
                if value == 5:
                    raise KeyError(value)
                return value

            print("addon" in sys.modules)
            with app, InProcessWorker(app):
                result = echo.delay({{"a": [1, None]}})
                print(result.get(20), "addon" in sys.modules)
                (raw,) = app.store.run(ReadResults((result.id,)))
                print(raw[::-1][:20].decode())
                for failing in (echo.delay(5), app.send_task("unheard.of", (1,))):
                    print(type(failing.get(20, propagate=False)).__name__)
        """)
        lines = said.splitlines()
        assert lines[:3] == ["False", "{'a': [1, None]} True", '{"status": "SUCCESS"']
        assert lines[3:] == ["KeyError", "NotRegistered"]


def test_a_store_of_an_add_on_is_opened_by_its_scheme(run):
    said = run("""
        from celeriac.stores.open import open_store
        store = open_store("addon://somewhere", "addon://results")
        print(store.url, *store.told)
    """)
    options = [
        "dead_limit",
        "dead_seconds",
        "failed_limit",
        "failed_seconds",
        "lease_seconds",
        "result_seconds",
        "use_tls",
    ]
    assert said == f"addon://somewhere addon://results {options}\n"


def test_a_result_backend_of_celerys_is_refused_and_why(run):
    said = run("""
        from celeriac.stores.open import open_store
        try:
            open_store("redis://", "elsewhere://user:secret@host")
        except Exception as error:
            print(error)
    """)
    assert said == (
        "result_backend elsewhere:// (nobody_loads:Backend of addon) is no store: a result is written in the step that "
        "ends its task, so where the queues are; unset result_backend, or name another database of the same Redis\n"
    )


@pytest.mark.parametrize("broker", ["memory://", "sqlite:///x.db", "redis://"])
@pytest.mark.parametrize("backend", ["rpc://", "db+postgresql://u:secret@h/x", "django-db", "a.module:Backend"])
def test_other_backends_are_refused_without_what_is_secret(broker, backend):
    with pytest.raises(ImproperlyConfigured, match="is no store: a result is written") as caught:
        open_store(broker, backend)
    assert backend.partition("://")[0] in str(caught.value)
    assert "secret" not in str(caught.value)


def test_no_results_are_asked_for_otherwise():
    with pytest.raises(ImproperlyConfigured, match="say task_ignore_result=True"):
        open_store("redis://", "disabled://")
