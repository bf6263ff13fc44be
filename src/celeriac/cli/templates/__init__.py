"""The projects that `celeriac init` writes: plain files, and the few words that differ between stores.

`every` is part of all of them, then comes the folder of the framework. Each file ends in `.txt`, which is taken
off: nobody is to import, compile or lint it here. `$name` is replaced as by `string.Template`. `parts` are pieces of
`compose.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from string import Template

import celeriac

WORKER = "celeriac -A proj worker --loglevel INFO"

_SUFFIX = ".txt"


@dataclass(frozen=True)
class Framework:
    """How a project of one kind is used: in development, and from a container (empty: it has no web application).

    `tasks` is where its tasks are, and `test` runs its tests.
    """

    use: str
    serve: str = ""
    tasks: str = "proj/tasks.py"
    test: str = "python -m pytest"


FRAMEWORKS = {
    "plain": Framework("python -m proj.send 2 3"),
    "django": Framework(
        "python manage.py runserver",
        "gunicorn --bind 0.0.0.0:8000 proj.wsgi",
        "hello/tasks.py",
        "python manage.py test",
    ),
    "flask": Framework("flask --app proj.web:web run", "gunicorn --bind 0.0.0.0:8000 proj.web:web"),
    "fastapi": Framework("uvicorn proj.web:web", "uvicorn --host 0.0.0.0 --port 8000 proj.web:web"),
}

_STORES: dict[str, dict[str, str]] = {
    "sqlite": {
        "extra": "",
        "broker_url": "sqlite:///.celeriac/tasks.db",
        "container_broker_url": "sqlite:////data/tasks.db",
        "service_broker_url": "sqlite:////var/lib/proj/tasks.db",
        "storage": "  volumes:\n    - data:/data\n",
        "after": "",
    },
    "redis": {
        "extra": "[redis]",
        "broker_url": "redis://localhost:6379/0",
        "container_broker_url": "redis://redis:6379/0",
        "service_broker_url": "redis://localhost:6379/0",
        "storage": "  depends_on: [redis]\n",
        "after": " redis-server.service",
    },
}
STORES = tuple(_STORES)


def render(framework: str, store: str) -> dict[PurePosixPath, str]:
    """The files of a project, by their paths in it."""
    kind = FRAMEWORKS[framework]
    words = {**_STORES[store], "web_command": kind.serve, "worker": WORKER}
    words |= {"use": kind.use, "tasks": kind.tasks, "test": kind.test}
    words["celeriac"] = f"celeriac{words['extra']}>={celeriac.__version__}"
    parts = ["web.yaml"] * bool(kind.serve) + ["redis.yaml"] * (store == "redis")
    here = resources.files(__name__)
    words["services"] = "".join(_filled(here / "parts" / part, words) for part in parts)
    return {**_files(here / "every", words), **_files(here / framework, words)}


def _files(folder: Traversable, words: Mapping[str, str], at: str = "") -> dict[PurePosixPath, str]:
    found: dict[PurePosixPath, str] = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found.update(_files(entry, words, f"{at}{entry.name}/"))
        else:
            found[PurePosixPath(at, entry.name.removesuffix(_SUFFIX))] = _filled(entry, words)
    return found


def _filled(file: Traversable, words: Mapping[str, str]) -> str:
    return Template(file.read_text(encoding="utf-8")).substitute(words)
