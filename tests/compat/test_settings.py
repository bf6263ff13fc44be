"""The list of Celery's settings that the tests go by is Celery's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.config.celery_list import FILE

_LIST = """
from celery.app import defaults

for name, option in sorted(defaults._OPTIONS.items()):
    kind = option.type if isinstance(option.type, str) else option.type.__name__
    print(name, defaults._TO_OLD_KEY[name], kind, repr(option.default), sep="\\t")
"""


def test_the_list_is_celerys(celery_python: Path):
    said = subprocess.run([celery_python, "-c", _LIST], capture_output=True, text=True, timeout=50, check=True).stdout
    assert said == FILE.read_text()


@pytest.mark.parametrize("flags", [(), ("--django",), ("--compat", "--no-backup")])
def test_old_names_are_rewritten_as_celery_does(celery_python, tmp_path, flags):
    """Each known name by itself, set and used; neighbours in one line are a weakness of Celery's."""
    names = [line.split("\t")[1] for line in FILE.read_text().splitlines()]
    old = "".join(f"{name} = 1\nprint({name.lower()})\n" for name in names) + "PAGE_SIZE = 3\n"
    files = [tmp_path / name for name in ("theirs.py", "ours.py")]
    for file in files:
        file.write_text(old)
    theirs = [str(celery_python), "-m", "celery", "upgrade", "settings", str(files[0]), *flags]
    subprocess.run(theirs, check=True, capture_output=True, cwd=tmp_path)
    ours = [sys.executable, "-m", "celeriac", "upgrade", "settings", str(files[1]), *flags]
    subprocess.run(ours, check=True, capture_output=True, cwd=tmp_path)
    assert files[1].read_text() == files[0].read_text()
    backups = [file.with_name(f"{file.name}.orig") for file in files]
    assert [backup.exists() for backup in backups] == ["--no-backup" not in flags] * 2
    if backups[0].exists():
        assert backups[0].read_text() == backups[1].read_text() == old
