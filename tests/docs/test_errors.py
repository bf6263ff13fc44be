"""Every error has a code and a hint, and docs/errors.md a section for each."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from celeriac import exceptions
from celeriac.exceptions import CeleriacError
from celeriac.worker.child.forms.greenlets import GeventMissing
from celeriac.worker.handback import WorkersLive
from celeriac.worker.system.pidfile import PidfileInUse

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text()


def with_codes(kind: type[CeleriacError]) -> list[type[CeleriacError]]:
    """A class and those below it that have a code of their own."""
    below = [found for one in kind.__subclasses__() for found in with_codes(one)]
    return [kind, *below] if "code" in vars(kind) else below


ERRORS = [kind for kind in with_codes(CeleriacError) if kind.__module__.startswith("celeriac.")]


def test_each_code_has_its_section_and_each_section_its_code():
    sections = re.findall(r"^## (C\d{3}) (\w+)$", PAGE, re.MULTILINE)
    assert sections == sorted((error.code, error.__name__) for error in set(ERRORS))
    assert {GeventMissing, PidfileInUse, WorkersLive} <= set(ERRORS)


def test_no_code_is_used_twice():
    codes = [error.code for error in set(ERRORS)]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_each_error_has_a_hint_of_its_own_in_one_line(error):
    assert "hint" in vars(error)
    assert re.fullmatch(r"[^\n]{10,110}", error.hint)


def test_no_class_of_the_module_goes_without_a_code():
    kinds = [kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, CeleriacError)]
    assert kinds
    assert [kind for kind in kinds if "code" not in vars(kind)] == []


def test_what_the_command_prints_ends_with_the_code(tmp_path):
    (tmp_path / "proj.py").write_text(
        "from celeriac import Celeriac\napp = Celeriac(broker='redis://127.0.0.1:1/0', task_publish_deadline=0.1)\n"
    )
    command = [sys.executable, "-m", "celeriac", "-A", "proj", "queues"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 69
    assert re.search(r"\[C201: .*\]\n$", done.stderr)

    (tmp_path / "proj.py").write_text("from celeriac import Celeriac\napp = Celeriac(broker='carrier-pigeon://')\n")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("[C101]\n")
