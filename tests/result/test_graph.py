"""Graphs of results."""

from __future__ import annotations

from io import StringIO

import pytest

from celeriac.result.graph import DependencyGraph


@pytest.fixture
def graph():
    """a above b and c, b above d."""
    made: DependencyGraph[str] = DependencyGraph()
    for node in "abcda":
        made.add_arc(node)
    for above, below in ("ab", "ac", "bd"):
        made.add_edge(above, below)
    return made


def test_what_it_holds(graph):
    assert dict(graph.items()) == {"a": ["b", "c"], "b": ["d"], "c": [], "d": []}
    assert (list(graph), len(graph), graph["a"], "d" in graph, "e" in graph) == (
        list("abcd"),
        4,
        ["b", "c"],
        True,
        False,
    )
    assert list(graph.edges()) == ["a", "b"]
    assert [graph.valency_of(node) for node in "abce"] == [3, 1, 0, 0]


def test_the_order(graph):
    order = graph.topsort()
    assert sorted(order) == list("abcd")
    assert order.index("d") < order.index("b") < order.index("a")
    assert order.index("c") < order.index("a")
    graph.add_edge("d", "a")
    with pytest.raises(ValueError, match="cycles"):
        graph.topsort()


def test_dot(graph):
    file = StringIO()
    graph.to_dot(file, lambda node: f'"{node}\\')
    assert file.getvalue().splitlines()[:2] == ["digraph dependencies {", r'    "\"a\\"']
    assert r'    "\"a\\" -> "\"b\\"' in file.getvalue().splitlines()
