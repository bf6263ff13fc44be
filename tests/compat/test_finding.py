"""What `-A` finds, Celery finds, too, and the same."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.worker.test_find import FOUND, write_files

MORE = {"single:Holder.inside", "single.Holder.Deeper.app", "flasky", "ours", "flat"}
"""Names by which only ours finds an app."""
SCRIPT = """
import json, sys
from celery.app.utils import find_app

def main(name):
    try:
        return find_app(name).main
    except Exception as error:
        return repr(error)

print(json.dumps({name: main(name) for name in sys.argv[1:]}))
"""


def test_what_celery_finds_is_found(celery_python: Path, tmp_path: Path):
    write_files(tmp_path, "celery", "Celery")
    done = subprocess.run(
        [celery_python, "-c", SCRIPT, *FOUND], cwd=tmp_path, capture_output=True, text=True, timeout=50, check=True
    )
    theirs = json.loads(done.stdout)
    assert {name for name in FOUND if theirs[name] != FOUND[name]} == MORE
