"""Which result came of which, as a graph: what `AsyncResult.build_graph` gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any, Generic, TextIO, TypeVar

Node = TypeVar("Node")


class DependencyGraph(Generic[Node]):
    """Things, and for each the ones that depend on it, in the order in which they were put in.

    `formatter` gives the text of a node for `to_dot`; by default it is `str`.
    """

    def __init__(self, formatter: Callable[[Node], str] | None = None) -> None:
        self.adjacent: dict[Node, list[Node]] = {}
        self.formatter: Callable[[Node], str] = formatter or str

    def add_arc(self, node: Node) -> None:
        """Put a node in, if it is not there."""
        self.adjacent.setdefault(node, [])

    def add_edge(self, above: Node, below: Node) -> None:
        """Say that one node depends on another, which is there."""
        self.adjacent[above].append(below)

    def edges(self) -> Iterator[Node]:
        """The nodes that others depend on."""
        return (node for node, below in self.adjacent.items() if below)

    def items(self) -> Iterator[tuple[Node, list[Node]]]:
        """Each node with those that depend on it."""
        return iter(self.adjacent.items())

    iteritems = items

    def topsort(self) -> list[Node]:
        """All nodes, each after the ones that depend on it; raises ValueError where they depend on each other."""
        try:
            return list(TopologicalSorter(self.adjacent).static_order())
        except CycleError as error:
            raise ValueError("there are cycles in the graph") from error

    def valency_of(self, node: Node) -> int:
        """How many edges there are below a node; 0 for one that is not there."""
        below = self.adjacent.get(node, [])
        return len(below) + sum(self.valency_of(each) for each in below)

    def to_dot(self, file: TextIO, formatter: Callable[[Node], str] | None = None) -> None:
        """Write it in the language of Graphviz."""
        show = formatter or self.formatter
        names = {node: '"{}"'.format(show(node).replace("\\", "\\\\").replace('"', '\\"')) for node in self.adjacent}
        lines = [names[node] for node in self.adjacent]
        lines += [f"{names[node]} -> {names[each]}" for node, below in self.adjacent.items() for each in below]
        file.write("digraph dependencies {\n" + "".join(f"    {line}\n" for line in lines) + "}\n")

    def __iter__(self) -> Iterator[Node]:
        return iter(self.adjacent)

    def __getitem__(self, node: Node) -> list[Node]:
        return self.adjacent[node]

    def __len__(self) -> int:
        return len(self.adjacent)

    def __contains__(self, node: Any) -> bool:
        return node in self.adjacent

    def __repr__(self) -> str:
        return f"<DependencyGraph: {', '.join(map(self.formatter, self.adjacent))}>"
