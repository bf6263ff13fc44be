"""A module in figures: what counts as a token, a branch, a function, an import."""

from __future__ import annotations

import ast
import textwrap

import pytest

from celeriac.demo.analysis import FunctionFigures, analyse, complexity, count_tokens


def complexity_of(body: str) -> int:
    tree = ast.parse("async def f():\n" + textwrap.indent(textwrap.dedent(body).strip(), "    "))
    (function,) = tree.body
    assert isinstance(function, ast.AsyncFunctionDef)
    return complexity(function)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("pass", 1),
        ("if a: pass", 2),
        ("if a: pass\nelse: pass", 2),
        ("if a: pass\nelif b: pass\nelse: pass", 3),
        ("for a in b: pass\nelse: pass", 2),
        ("async for a in b: pass", 2),
        ("while a: break", 2),
        ("return a if b else c", 2),
        ("return a and b", 2),
        ("return a and b and c or d", 4),
        ("try: pass\nexcept A: pass\nexcept B: pass\nelse: pass\nfinally: pass", 3),
        ("return [a for a in b]", 2),
        ("return {a: b for a in b if a if b for c in a}", 5),
        ("return lambda: a or b", 2),
        ("with a: assert b", 1),
        ("match a:\n    case 1: pass\n    case [b, *_]: pass\n    case _: pass", 3),
        ("match a:\n    case 1: pass\n    case _ if b: pass", 3),
        ("match a:\n    case 1: pass\n    case other: pass", 2),
        ("def inner():\n    if a: pass\n    if b: pass", 1),
        ("class Inner:\n    def method(self):\n        if a: pass\nif b: pass", 2),
    ],
)
def test_complexity_is_one_and_the_places_where_the_path_divides(body, expected):
    assert complexity_of(body) == expected


def test_functions_are_named_with_what_they_are_in_and_each_counts_for_itself():
    source = textwrap.dedent(
        """
        def outer(a):
            def inner():
                return a or 1
            if a:
                return inner

        class Thing:
            if outer:
                async def method(self): ...
        """
    )
    assert analyse("m", source.encode()).functions == (
        FunctionFigures("outer", 2, 2),
        FunctionFigures("outer.inner", 3, 2),
        FunctionFigures("Thing.method", 10, 1),
    )


def test_comments_and_layout_are_no_tokens():
    assert count_tokens(b"# only a comment\n\n") == 0
    assert count_tokens(b"if a:\n    # why\n    b = (\n        1\n    )\n") == len(
        ["if", "a", ":", "b", "=", "(", "1", ")"]
    )


def test_imports_are_absolute_sorted_and_counted_once():
    source = b"import os, sys as s\nimport os.path\nfrom re import *\ndef f():\n    import os\n"
    assert analyse("m", source).imports == ("os", "os.path", "re", "sys")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("from . import x", "a.b"),
        ("from .c import x", "a.b.c"),
        ("from .. import x", "a"),
        ("from ..c.d import x", "a.c.d"),
    ],
)
def test_relative_imports_start_at_the_package(statement, expected):
    assert analyse("a.b.m", statement.encode(), package="a.b").imports == (expected,)


def test_lines_are_those_of_the_file_and_its_own_encoding_is_read():
    figures = analyse("m", "# coding: latin-1\nname = 'ü'\n".encode("latin-1"))
    assert (figures.lines, figures.tokens, figures.error) == (2, 3, "")


@pytest.mark.parametrize(
    "source", [b"def f(:\n", b"a = 1\0\n", b"# coding: nonsense\n", b"a = '\xff'\n", b"if a:\nb\n"]
)
def test_what_is_not_python_has_an_error_and_nothing_but_lines(source):
    figures = analyse("m", source)
    assert figures.error
    assert (figures.lines, figures.tokens, figures.functions) == (len(source.splitlines()), 0, ())


def test_long_chains_of_operators_are_no_problem():
    figures = analyse("m", b"def f():\n    return " + b" + ".join([b"x"] * 900) + b"\n")
    assert figures.functions == (FunctionFigures("f", 1, 1),)
