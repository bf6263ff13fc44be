"""Which folders have an app's own source, and what changed in them."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import celeriac
from celeriac.worker.sources import differences, folders_of, look


def module(path: Path | str | None) -> ModuleType:
    made = ModuleType("made")
    made.__file__ = None if path is None else str(path)
    return made


def test_what_was_installed_is_not_the_apps_own(tmp_path: Path):
    installed = tmp_path / "venv" / "site-packages" / "some"
    for folder in (installed, tmp_path / "shop" / "mail"):
        folder.mkdir(parents=True)
    modules = [
        module(tmp_path / "shop" / "tasks.py"),
        module(tmp_path / "shop" / "mail" / "__init__.py"),
        module(installed / "__init__.py"),
        module(tmp_path / "absent" / "gone.py"),
        module(tmp_path / "shop" / "fast.so"),
        module(None),
        None,
        celeriac,
        json,
        pytest,
        sys,
    ]
    assert folders_of(modules) == [str(tmp_path / "shop"), str(tmp_path / "shop" / "mail")]


@pytest.mark.parametrize("source", ["def half(:\n", "raise RuntimeError\n"])
def test_where_an_import_failed_is_watched_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str):
    (tmp_path / "half_written.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises((SyntaxError, RuntimeError)) as caught:
        import_module("half_written")
    assert str(tmp_path) in folders_of([], caught.value)


def test_files_that_come_change_and_go_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for name in ("stays.py", "changes.py", "goes.py", "data.txt", "sub/inner.py"):
        (tmp_path / name).write_text("1")
    before = look([str(tmp_path), str(tmp_path / "sub"), str(tmp_path / "absent")])
    (tmp_path / "goes.py").unlink()
    for name in ("comes.py", "data.txt", "sub/.#inner.py"):
        (tmp_path / name).write_text("2")
    os.utime(tmp_path / "changes.py", ns=(5, 5))
    after = look([str(tmp_path), str(tmp_path / "sub")])
    assert differences(before, after) == ["changes.py", "comes.py", "goes.py"]
    assert differences(after, after) == []
