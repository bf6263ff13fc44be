"""What the linter cannot say about this code: sizes, names, doors to the outside, docstrings.

    python -m tools.sizes src tests tools

Prints every offence with its place, then medians and nine-tenths of the sizes; fails when there was one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

MODULE_LINES = 600
FUNCTION_LINES = 60

VAGUE_NAMES = frozenset({"util", "utils", "helper", "helpers", "common", "base", "misc", "manager", "managers"})
"""Names of modules and folders that say nothing of what is in them."""

PACKAGE = "src/celeriac"

CELERYS_NAMES = frozenset({f"{PACKAGE}/utils/__init__.py", f"{PACKAGE}/utils/log.py"})
"""Modules whose names are not ours to choose: programs written for Celery import them."""

_CLOCK = ("clock.py", "stores/memory/store.py", "testing/comparison.py", "testing/conformance/delaying.py")
_IDS = ("ids.py",)
_FORKING = (
    "worker/child/child.py",
    "worker/child/executor.py",
    "worker/system/kernel.py",
    "worker/processes/solo.py",
    "worker/processes/zygote.py",
    "worker/processes/launcher.py",
    "worker/system/daemon.py",
    "worker/core/process.py",
)

HOMES: dict[str, tuple[str, ...]] = {
    "time.time": _CLOCK,
    "time.time_ns": _CLOCK,
    "datetime.datetime.now": _CLOCK,
    "datetime.datetime.today": _CLOCK,
    "datetime.datetime.utcnow": _CLOCK,
    "datetime.date.today": _CLOCK,
    "random.*": _IDS,
    "secrets.*": _IDS,
    "uuid.uuid1": _IDS,
    "uuid.uuid4": _IDS,
    "os._exit": _FORKING,
    "os.fork": _FORKING,
}
"""What only these files of the package may use, because everyone else is handed it: the clock, chance and
ids, and the ends and beginnings of processes."""

FREE = frozenset({"random.Random"})
"""A seeded generator that is handed over is how chance should come."""

_PLAIN_BASES = frozenset({"Protocol", "Generic", "Struct", "ABC", "NamedTuple", "TypedDict"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, order=True)
class Offence:
    """One broken rule and where."""

    path: str
    line: int
    rule: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}"


@dataclass(frozen=True)
class Module:
    """One source file, parsed; `path` is relative to the root, with slashes."""

    path: str
    source: str
    tree: ast.Module

    @classmethod
    def parse(cls, path: str, source: str) -> Module:
        """Read a source text."""
        return cls(path, source, ast.parse(source, path))

    @property
    def lines(self) -> int:
        """How long it is, everything counted."""
        return len(self.source.splitlines())

    def functions(self) -> Iterator[Function]:
        """All functions and methods in it, nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def inside_package(self) -> str | None:
        """Its path within the package, or None for tests and tools."""
        return self.path.removeprefix(f"{PACKAGE}/") if self.path.startswith(f"{PACKAGE}/") else None


def offences(module: Module) -> list[Offence]:
    """Everything that is wrong with one file, in the order of its lines."""
    rules = [long_modules(module), long_functions(module), vague_names(module)]
    if module.inside_package() is not None:
        rules += [strays(module), undocumented(module)]
    return sorted(offence for rule in rules for offence in rule)


def long_modules(module: Module) -> Iterator[Offence]:
    """A module has at most `MODULE_LINES` lines."""
    if module.lines > MODULE_LINES:
        yield Offence(module.path, 1, f"module has {module.lines} lines, at most {MODULE_LINES} are allowed")


def long_functions(module: Module) -> Iterator[Offence]:
    """A function has at most `FUNCTION_LINES` lines, from `def` to its end."""
    for function in module.functions():
        if (length := function_lines(function)) > FUNCTION_LINES:
            rule = f"{function.name} has {length} lines, at most {FUNCTION_LINES} are allowed"
            yield Offence(module.path, function.lineno, rule)


def vague_names(module: Module) -> Iterator[Offence]:
    """Neither a file nor a folder has a name that says nothing, unless Celery gave it."""
    if module.path in CELERYS_NAMES:
        return
    for name in PurePath(module.path).with_suffix("").parts:
        if name.strip("_") in VAGUE_NAMES:
            yield Offence(module.path, 1, f"the name {name!r} says nothing")


def strays(module: Module) -> Iterator[Offence]:
    """What has a home in `HOMES` is used, or passed on, only there."""
    names = _imported_names(module.tree)
    inside = module.inside_package()
    nodes = [node for node in ast.walk(module.tree) if isinstance(node, ast.Name | ast.Attribute)]
    for node in nodes:
        dotted = _dotted(node, names)
        home = _home(dotted)
        if home is not None and inside not in HOMES[home]:
            yield Offence(module.path, node.lineno, f"{dotted} is used outside {', '.join(HOMES[home])}")


def undocumented(module: Module) -> Iterator[Offence]:
    """Public modules, classes, functions and methods say what they are; an override need not repeat it."""
    if module.tree.body and ast.get_docstring(module.tree) is None:
        yield Offence(module.path, 1, "module has no docstring")
    for node in _public(module.tree):
        if ast.get_docstring(node) is None:
            yield Offence(module.path, node.lineno, f"{node.name} has no docstring")


def function_lines(function: Function) -> int:
    """How long a function is, its decorators not counted."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _public(tree: ast.Module) -> Iterator[Function | ast.ClassDef]:
    for node in tree.body:
        # A test is a sentence already.
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith(("_", "test_")):
            continue
        if not _is_variant(node):
            yield node
        if isinstance(node, ast.ClassDef) and all(_last_name(base) in _PLAIN_BASES for base in node.bases):
            methods = (method for method in node.body if isinstance(method, Function))
            yield from (m for m in methods if not m.name.startswith(("_", "test_")) and not _is_variant(m))


def _is_variant(node: Function | ast.ClassDef) -> bool:
    """Whether it is one more form of something that is documented elsewhere."""
    return any(
        _last_name(decorator) in {"overload", "setter", "deleter", "override"} for decorator in node.decorator_list
    )


def _last_name(node: ast.expr) -> str:
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _imported_names(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for: `from os import fork as f` gives `f: os.fork`."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _dotted(node: ast.expr, names: dict[str, str]) -> str | None:
    """The full name that an expression refers to, or None when it does not start at an import."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute) and (start := _dotted(node.value, names)):
        return f"{start}.{node.attr}"
    return None


def _home(dotted: str | None) -> str | None:
    """The entry of `HOMES` that a full name falls under."""
    if dotted is None or dotted in FREE:
        return None
    everything = dotted.partition(".")[0] + ".*"
    if everything in HOMES and "." in dotted:
        return everything
    return dotted if dotted in HOMES else None


def main() -> None:
    """Check the trees named on the command line."""
    modules = [module for tree in sys.argv[1:] for module in _read(Path(tree))]
    found = [offence for module in modules for offence in offences(module)]
    for offence in found:
        print(offence)
    functions = [function for module in modules for function in module.functions()]
    print(_summary("modules", [module.lines for module in modules]))
    print(_summary("functions", [function_lines(function) for function in functions]))
    sys.exit(bool(found))


def _read(tree: Path) -> Iterator[Module]:
    for path in sorted(tree.rglob("*.py")):
        yield Module.parse(path.as_posix(), path.read_text())


def _summary(what: str, lengths: list[int]) -> str:
    ordered = sorted(lengths) or [0]
    median, ninth, longest = (ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.9, 1.0))
    return f"{what}: {len(lengths)}, lines: median {median}, nine tenths up to {ninth}, longest {longest}"


if __name__ == "__main__":
    main()
