"""Which files are modules, and under which names."""

from __future__ import annotations

from celeriac.demo.library import find_sources, standard_library


def test_modules_are_found_by_name_without_tests_and_installed_packages(tmp_path):
    files = [
        "b.py",
        "a/__init__.py",
        "a/c.py",
        "a/test/t.py",
        "site-packages/p.py",
        "a/__pycache__/x.py",
        "test.py",
        "n.txt",
    ]
    for file in files:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("from . import x\n")
    sources = find_sources(tmp_path)
    assert [source.module for source in sources] == ["a", "a.c", "b", "test"]
    assert [source.read().imports for source in sources[:2]] == [("a",), ("a",)]


def test_standard_library_has_what_every_machine_has():
    modules = {source.module for source in find_sources(standard_library())}
    assert {"json", "json.decoder", "asyncio.events", "os"} <= modules
