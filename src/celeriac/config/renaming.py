"""Settings files with Celery's old names, rewritten with the new ones. Pure."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

from celeriac.config.table import OLD_NAMES

_AROUND = frozenset({tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT})


class Renaming(NamedTuple):
    """A name that was changed, and in which line."""

    line: int
    old: str
    new: str


def renamed(source: str, prefix: str = "") -> tuple[str, list[Renaming]]:
    """The source of a Python file with new names for old settings, and what was changed.

    With `prefix` (`CELERY` for Django) the new names are in capitals with it in front. Changed are names, and texts
    that are a whole old name and a key: of a dictionary, or in brackets after `conf`. Any other text is left, such as
    the name of an environment variable. Raises `SyntaxError` for what is no Python.
    """
    lines = source.splitlines(keepends=True)
    changes: list[Renaming] = []
    try:
        found = list(_found(source))
    except tokenize.TokenError as error:
        raise SyntaxError(str(error)) from error
    for (row, column), old in reversed(found):
        new = OLD_NAMES[old]
        if prefix:
            new = new.upper() if new.upper().startswith(f"{prefix}_") else f"{prefix}_{new.upper()}"
        if new != old:
            line = lines[row - 1]
            lines[row - 1] = f"{line[:column]}{new}{line[column + len(old) :]}"
            changes.append(Renaming(row, old, new))
    return "".join(lines), changes[::-1]


def _found(source: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Where old names stand: line and column."""
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type not in _AROUND]
    for place, token in enumerate(tokens):
        if token.type == tokenize.NAME and token.string in OLD_NAMES:
            yield token.start, token.string
        elif token.type == tokenize.STRING and token.string[1:-1] in OLD_NAMES:
            before = [other.string for other in tokens[max(0, place - 2) : place]]
            after = tokens[place + 1].string
            if after == ":" or (before == ["conf", "["] and after == "]"):
                yield (token.start[0], token.start[1] + 1), token.string[1:-1]
