"""Which modules there are: the Python files of a library, under their dotted names."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from msgspec import Struct

from celeriac.demo.analysis import ModuleFigures, analyse

_NOT_LIBRARY = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"})


class Source(Struct, frozen=True):
    """One module's name and file."""

    module: str
    path: Path

    @property
    def package(self) -> str:
        """What its relative imports start from."""
        return self.module if self.path.name == "__init__.py" else self.module.rpartition(".")[0]

    def read(self) -> ModuleFigures:
        """Analyse what the file holds now."""
        return analyse(self.module, self.path.read_bytes(), package=self.package)


def standard_library() -> Path:
    """Where this interpreter's own modules are."""
    return Path(sysconfig.get_path("stdlib"))


def find_sources(root: Path) -> list[Source]:
    """All modules below a folder in the order of their names, without tests and installed packages."""
    sources = []
    for path in root.rglob("*.py"):
        inside = path.relative_to(root).with_suffix("").parts
        if _NOT_LIBRARY.isdisjoint(inside[:-1]):
            name = ".".join(inside[:-1] if inside[-1] == "__init__" else inside)
            sources.append(Source(name, path))
    return sorted(sources, key=lambda source: source.module)
