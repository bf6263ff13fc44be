"""The checker catches each thing it promises to catch, and nothing that is right."""

from __future__ import annotations

import pytest

from tools.sizes import FUNCTION_LINES, HOMES, MODULE_LINES, Module, offences

DOC = '"""What this is."""\n'


def rules(source: str, path: str = "src/celeriac/worker/core/core.py") -> list[str]:
    return [offence.rule for offence in offences(Module.parse(path, source))]


def function_of(lines: int) -> str:
    body = "    x = 1\n" * (lines - 2)
    return f'def f():\n    """Does."""\n{body}'


def test_accepts_what_is_right():
    source = DOC + 'import os\n\ndef f() -> int:\n    """The process."""\n    return os.getpid()\n'
    assert rules(source) == []


@pytest.mark.parametrize("path", ["src/celeriac/task.py", "tests/test_task.py", "tools/matrix.py"])
def test_module_length_has_a_limit_everywhere(path):
    assert rules(DOC + "x = 1\n" * (MODULE_LINES - 1), path) == []
    assert rules(DOC + "x = 1\n" * MODULE_LINES, path) == [
        f"module has {MODULE_LINES + 1} lines, at most {MODULE_LINES} are allowed"
    ]


@pytest.mark.parametrize("path", ["src/celeriac/task.py", "tests/test_task.py"])
def test_function_length_has_a_limit_everywhere(path):
    assert rules(DOC + function_of(FUNCTION_LINES), path) == []
    assert rules(DOC + function_of(FUNCTION_LINES + 1), path) == [
        f"f has {FUNCTION_LINES + 1} lines, at most {FUNCTION_LINES} are allowed"
    ]


def test_methods_coroutines_and_nested_functions_are_measured():
    nested = "".join(f"        {line}\n" for line in function_of(FUNCTION_LINES + 1).splitlines())
    source = f'{DOC}class C:\n    """A."""\n    async def g(self):\n        """B."""\n{nested}'
    names = [rule.split()[0] for rule in rules(source)]
    assert names == ["g", "f"]


@pytest.mark.parametrize(
    "path",
    ["src/celeriac/utils.py", "src/celeriac/common/text.py", "src/celeriac/stores/_base.py", "tests/helpers.py"],
)
def test_names_that_say_nothing(path):
    [rule] = rules(DOC, path)
    assert rule.endswith("says nothing")


@pytest.mark.parametrize(
    "use",
    [
        "import time\nx = time.time()",
        "import time as t\nx = t.time_ns()",
        "from time import time\nx = time()",
        "from time import time as now\nx = now",
        "import datetime\nx = datetime.datetime.now()",
        "from datetime import datetime\nx = datetime.now(None)",
        "from datetime import datetime\nx = datetime.utcnow()",
        "from datetime import date\nx = date.today()",
        "import random\nx = random.random()",
        "import random\nx = random.SystemRandom()",
        "from random import choice\nx = choice",
        "import secrets\nx = secrets.token_hex()",
        "import uuid\nx = uuid.uuid4()",
        "from uuid import uuid4\nx = uuid4()",
        "import os\nx = os._exit",
        "def f():\n    '''F.'''\n    import os\n    os.fork()",
    ],
)
def test_clock_chance_ids_and_processes_have_homes(use):
    [rule] = rules(DOC + use)
    assert "is used outside" in rule
    assert rules(DOC + use, "tests/test_core.py") == []


@pytest.mark.parametrize("name", sorted(HOMES))
def test_each_may_be_used_at_home(name):
    source = f"{DOC}import {name.partition('.')[0]}\nx = {name.replace('*', 'any')}\n"
    for home in HOMES[name]:
        assert rules(source, f"src/celeriac/{home}") == []


def test_what_only_looks_alike_is_allowed():
    source = (
        f"{DOC}import random\nimport time\nfrom datetime import datetime\n"
        "x = random.Random(7).random()\ny = time.monotonic()\nz = datetime.fromtimestamp(0)\n"
        "def f(uuid, clock):\n    '''F.'''\n    return uuid.uuid4, clock.time\n"
    )
    assert rules(source) == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("x = 1", ["module"]),
        (f"{DOC}def f(): ...", ["f"]),
        (f"{DOC}async def f(): ...", ["f"]),
        (f"{DOC}class C: ...", ["C"]),
        (f"{DOC}class C:\n    '''C.'''\n    def m(self): ...", ["m"]),
        (f"{DOC}class C(Protocol[T]):\n    '''C.'''\n    def m(self): ...", ["m"]),
    ],
)
def test_public_things_need_docstrings(source, names):
    assert [rule.split()[0] for rule in rules(source)] == names
    assert rules(source, "tests/test_core.py") == []


@pytest.mark.parametrize(
    "source",
    [
        "",
        f"{DOC}def _f(): ...\nclass _C:\n    def m(self): ...",
        f"{DOC}class C:\n    '''C.'''\n    def _m(self): ...\n    def __len__(self): ...",
        f"{DOC}class C(Other):\n    '''C.'''\n    def m(self): ...",
        f"{DOC}def f():\n    '''F.'''\n    def g(): ...",
        f"{DOC}@overload\ndef f(): ...\ndef f():\n    '''F.'''",
    ],
)
def test_private_empty_and_overriding_things_need_none(source):
    assert rules(source) == []


def test_offences_say_where():
    [offence] = offences(Module.parse("src/celeriac/task.py", f"{DOC}\n\ndef f(): ..."))
    assert str(offence) == "src/celeriac/task.py:4: f has no docstring"
