"""Where kombu is loaded, what users catch under its names catches ours; where it is not, nobody loads it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_CATCH = """
import sys
from celeriac import Celeriac, exceptions
{imports}
app = Celeriac("tests", broker={broker!r}, task_publish_deadline=0.1)
task = app.task(name="t")(lambda value: value)
try:
    task.delay({value})
except kombu.exceptions.{name} as error:
    print(type(error).__module__, type(error).__name__, isinstance(error, exceptions.CeleriacError))
"""


def _run(celery_python, code):
    places = list(celery_python.parents[1].glob("lib/python3*/site-packages"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=50, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


_LATE = "exceptions.EncodeError('before'); import kombu.exceptions"


@pytest.mark.parametrize("imports", ["import kombu.exceptions", _LATE])
@pytest.mark.parametrize(
    ("name", "broker", "value"),
    [("EncodeError", "memory://", "object()"), ("OperationalError", "redis://127.0.0.1:1/0", "1")],
)
def test_errors_are_caught_under_the_names_of_kombu(celery_python, imports, name, broker, value):
    code = _CATCH.format(imports=imports, name=name, broker=broker, value=value)
    assert _run(celery_python, code) == ["celeriac.exceptions", name, "True"]


def test_kombu_is_not_loaded_by_an_error(celery_python):
    code = """
import sys
from celeriac.exceptions import EncodeError, OperationalError
EncodeError("x"), OperationalError("y")
print("kombu" in sys.modules)
"""
    assert _run(celery_python, code) == ["False"]


def test_types_given_to_kombu_are_written(celery_python):
    code = """
from kombu.utils.json import register_type
from celeriac.message import values
class Money:
    def __init__(self, cents): self.cents = cents
register_type(Money, "money", lambda money: money.cents, Money)
written = values.encode([Money(5)])
print(written.decode().replace(" ", ""), values.decode(written)[0].cents)
"""
    assert _run(celery_python, code) == ['[{"__type__":"money","__value__":5}]', "5"]
