"""What `-A` may name, and what is said of what it cannot."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from celeriac.worker.find import AppNotFound, find_app

APP = 'from celeriac import Celeriac\n{} = Celeriac("{}", broker="memory://")\n'
FILES = {
    "single.py": APP.format("app", "single") + "other = Celeriac('other', broker='memory://')\nnumber = 3\n"
    "class Holder:\n    inside = other\n    class Deeper:\n        app = other\n",
    "named_celery.py": APP.format("celery", "named"),
    "flasky.py": "class Flask: pass\napp = Flask()\n" + APP.format("celery", "flasky"),
    "noapp.py": "",
    "broken.py": "import not_installed_anywhere\n",
    "classic/__init__.py": "",
    "classic/celery.py": APP.format("app", "classic"),
    "classic/other.py": APP.format("app", "classic.other"),
    "exported/__init__.py": "from .celery import app as celery_app\n",
    "exported/celery.py": APP.format("app", "exported"),
    "shadowed/__init__.py": "from .celery import celery\n",
    "shadowed/celery.py": APP.format("celery", "shadowed"),
    "ours/__init__.py": "",
    "ours/celeriac.py": APP.format("app", "ours"),
    "flat/__init__.py": "",
    "flat/app.py": APP.format("app", "flat"),
    "nested/__init__.py": "",
    "nested/deep/__init__.py": "",
    "nested/deep/worker.py": APP.format("queue", "deep"),
    "theirs.py": "class Celery: pass\nCelery.__module__ = 'celery.app.base'\napp = Celery()\n",
    "sub/alone.py": APP.format("app", "alone"),
}


def write_files(folder: Path, package: str = "celeriac", app: str = "Celeriac") -> None:
    """Write them, for one of both packages."""
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("from celeriac import Celeriac", f"from {package} import {app} as Celeriac"))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with all of them, the current one and on the path."""
    write_files(tmp_path)
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


FOUND = {
    "single": "single",
    "single:app": "single",
    "single:other": "other",
    "single.app": "single",
    "single.other": "other",
    "single:Holder.inside": "other",
    "single.Holder.Deeper.app": "other",
    "named_celery": "named",
    "named_celery.celery": "named",
    "flasky": "flasky",
    "flasky.celery": "flasky",
    "classic": "classic",
    "classic.celery": "classic",
    "classic.celery:app": "classic",
    "classic.celery.app": "classic",
    "classic.other": "classic.other",
    "exported": "exported",
    "exported.celery_app": "exported",
    "exported:celery_app": "exported",
    "exported.celery": "exported",
    "shadowed": "shadowed",
    "shadowed.celery": "shadowed",
    "ours": "ours",
    "ours.celeriac": "ours",
    "flat": "flat",
    "flat.app": "flat",
    "nested.deep.worker": "deep",
    "nested.deep.worker.queue": "deep",
    "nested.deep.worker:queue": "deep",
}
"""What `-A` may name, and the app that is meant."""


@pytest.mark.parametrize(("name", "main"), FOUND.items())
def test_an_app_is_found_by_every_name_that_celery_understands(name, main):
    assert find_app(name).main == main


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("single.py", "not 'single.py': say -A single"),
        ("./single", "not './single': say -A single"),
        (".single", "say -A single"),
        ("./single.py:app", "say -A single:app"),
        ("classic/celery.py", "say -A classic.celery"),
        ("classic/", "say -A classic"),
        ("sub/alone.py", "say --workdir sub -A alone"),
        ("../elsewhere/proj", "say --workdir ../elsewhere -A proj"),
        (":app", "-A takes MODULE or MODULE:APP"),
        ("single:", "-A takes MODULE or MODULE:APP"),
        ("single:nothing", "single has no 'nothing'; there is single:app and single:other"),
        ("single.nothing", "single has neither a module nor an attribute 'nothing'; there is single:app and single"),
        ("single:number", "single:number is of type int, and no Celeriac app"),
        ("single.number", "single.number is of type int, and no Celeriac app"),
        ("single:Holder", "the class Holder"),
        ("flasky:app", "flasky:app is of type Flask, and no Celeriac app"),
        ("exported:celery", "a module, and no Celeriac app; there is exported:celery:app"),
        ("noapp", "no Celeriac app in 'noapp': name it as module:attribute"),
        ("nested", "no Celeriac app in 'nested'"),
        ("theirs", "an app of Celery's: import Celery from celeriac there"),
        ("theirs:app", "an app of Celery's: import Celery from celeriac there"),
        ("alone", "there is one in .*/sub: celeriac --workdir sub -A alone"),
        ("absent", "there is no module 'absent' in .*, nor is one installed; go to the folder of the project, or"),
        ("absent.celery", "there is no module 'absent' in "),
    ],
)
def test_what_cannot_be_found_is_told_with_what_could_be_meant(name, says):
    with pytest.raises(AppNotFound, match=says):
        find_app(name)


def test_from_a_folder_below_the_project_the_folder_is_named(project, monkeypatch):
    monkeypatch.chdir(project / "classic")
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(project)])
    with pytest.raises(AppNotFound, match=r"there is one in .*: celeriac --workdir \.\. -A single"):
        find_app("single")


@pytest.mark.parametrize("name", ["broken", "broken.app", "broken:app"])
def test_an_import_that_fails_in_the_users_code_comes_through(name):
    with pytest.raises(ModuleNotFoundError, match="not_installed_anywhere"):
        find_app(name)
