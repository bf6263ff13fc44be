"""What the pages need of Sphinx and it does not have: a page of commands, anchors of codes, docstrings as they are.

An extension for `docs/conf.py`. The commands are read from the program itself, so their page needs no care.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from celeriac.cli.main import cli

_CODE = re.compile(r"C\d{3}\b")
_MARKED = re.compile(r"(?<![`:])`([^`]+)`(?!`)")


class Commands(SphinxDirective):  # type: ignore[misc]
    """`{commands}`: a section for each command, with its help and its options."""

    def run(self) -> Any:
        text = "\n\n".join(_sections(cli, "celeriac"))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def _sections(command: click.Command, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name.rpartition(" ")[2])
    yield _section(command, context, name)
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            below = command.get_command(context, word)
            if below is not None and not below.hidden:
                yield from _sections(below, f"{name} {word}")


def _section(command: click.Command, context: click.Context, name: str) -> str:
    title = f"{'##' if name.count(' ') < 2 else '###'} {name}"
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    rows = [f"| `{_cell(form)}` | {_cell(does)} |" for form, does in _options(command, context)]
    table = "\n".join(["| option | |", "|---|---|", *rows]) if rows else ""
    return "\n\n".join(part for part in (title, _prose(command.help or ""), f"    {usage}", table) if part)


def _options(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    for parameter in command.get_params(context):
        found = parameter.get_help_record(context)
        # An argument has its place in the usage, and no help of its own.
        if found and isinstance(parameter, click.Option) and "--help" not in found[0]:
            yield found


def _prose(text: str) -> str:
    return inspect.cleandoc(text).replace("\b", "").replace("<", r"\<")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def name_codes(app: Sphinx, tree: nodes.document) -> None:
    """A section about an error has its code as an anchor: `errors.html#c201`."""
    for section in tree.findall(nodes.section):
        code = _CODE.match(section.next_node(nodes.title).astext())
        if code:
            section["ids"].append(code[0].lower())


def read_docstring(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Our docstrings mark code as Markdown does, and nothing else; a star in them is a star."""
    text = "\n".join(lines)
    lines[:] = _MARKED.sub(r"``\1``", re.sub(r"(?<!`)(\*+)(?=\w)", r"\\\1", text)).splitlines()


def setup(app: Sphinx) -> dict[str, bool]:
    """What Sphinx asks of an extension."""
    app.add_directive("commands", Commands)
    app.connect("doctree-read", name_codes)
    app.connect("autodoc-process-docstring", read_docstring)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
