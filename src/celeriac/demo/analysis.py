"""One module's source in figures: pure.

Tokens are counted without comments and layout. Complexity is McCabe's number (A Complexity Measure, 1976):
one, and one more for each place where the path divides. A nested function counts for itself alone, a lambda
for the function it is written in.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator

from msgspec import Struct

_LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler)


class FunctionFigures(Struct, frozen=True):
    """One function or method: its name with those of what it is in, the line it starts at, its complexity."""

    name: str
    line: int
    complexity: int


class ModuleFigures(Struct, frozen=True):
    """One module: `imports` are dotted names in alphabetical order, each once; `error` is why there is no more."""

    module: str
    lines: int
    tokens: int = 0
    functions: tuple[FunctionFigures, ...] = ()
    imports: tuple[str, ...] = ()
    error: str = ""


def analyse(module: str, source: bytes, *, package: str = "") -> ModuleFigures:
    """The figures of a source text; `package` is what its relative imports start from.

    Of a text that is not Python, as this interpreter understands it, there are only lines and the error.
    """
    lines = len(source.splitlines())
    try:
        tree = ast.parse(source, module)
        tokens = count_tokens(source)
    except (SyntaxError, ValueError) as error:
        return ModuleFigures(module, lines, error=str(error))
    return ModuleFigures(module, lines, tokens, tuple(functions(tree)), tuple(sorted(set(imports(tree, package)))))


def count_tokens(source: bytes) -> int:
    """How many tokens are more than layout."""
    return sum(token.type not in _LAYOUT for token in tokenize.tokenize(io.BytesIO(source).readline))


def functions(tree: ast.AST, inside: str = "") -> Iterator[FunctionFigures]:
    """All functions in a tree, the outer ones first."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.expr):
            continue
        if isinstance(node, _Function):
            yield FunctionFigures(inside + node.name, node.lineno, complexity(node))
        yield from functions(node, f"{inside}{node.name}." if isinstance(node, _Function | ast.ClassDef) else inside)


def complexity(function: _Function) -> int:
    """McCabe's number of a function."""
    return 1 + sum(_divisions(node) for statement in function.body for node in _own(statement))


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it, but nothing of functions that are nested in it."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, _Function):
            yield node
            waiting += ast.iter_child_nodes(node)


def _divisions(node: ast.AST) -> int:
    """How many paths more there are because of this node."""
    if isinstance(node, _BRANCHES):
        return 1
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    if isinstance(node, ast.match_case):
        return not _matches_all(node)
    return 0


def _matches_all(case: ast.match_case) -> bool:
    """Whether it is the last way out, as `else` is."""
    return case.guard is None and isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """The modules that are imported, wherever in the source."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield _absolute(node, package)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """What `from . import x` imports from."""
    if not node.level:
        return str(node.module)
    parts = package.split(".")
    start = parts[: len(parts) - node.level + 1]
    return ".".join([*start, *([node.module] if node.module else [])])
