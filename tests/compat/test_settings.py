"""The list of Celery's settings that the tests go by is Celery's own."""

from __future__ import annotations

import subprocess
from pathlib import Path

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
