"""The fenced blocks of the README and of docs/, in order, and what is to become of each.

What the reader sees says it: a block after a line that is nothing but a name, `` `shop.py`: ``, is that file. What the
reader need not see is in an HTML comment before the block: `<!-- not run: why -->`, or `<!-- exit 1 -->` where the last
command of the block is to end with another code than 0. `CONTRIBUTING.md` has the rules for those who write pages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

RUN = ("python", "console")
PARSED = ("toml", "json", "yaml", "ini")
SHOWN = "output"
PLAIN = "text"
_CODE = ("{code", "{sourcecode", "{literalinclude")

_NAMED = re.compile(r"`([\w./-]+)`:")
_EXCUSED = re.compile(r"<!-- not run: (.{8,}) -->")
_FAILING = re.compile(r"<!-- exit (\d+) -->")


@dataclass(frozen=True)
class Block:
    """One fence: where it is, what it is, and what stands before it."""

    page: str
    line: int
    language: str
    text: str
    before: str

    @property
    def file(self) -> str | None:
        """The file that it is, or None."""
        found = _NAMED.fullmatch(self.before)
        return found and found[1]

    @property
    def excuse(self) -> str | None:
        """Why it is not run, or None."""
        found = _EXCUSED.fullmatch(self.before)
        return found and found[1]

    @property
    def exit_code(self) -> int:
        """What its last command is to end with."""
        found = _FAILING.fullmatch(self.before)
        return int(found[1]) if found else 0

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """All fences of a page, in lists and quotes, too."""
    text = page.read_text()
    lines = text.splitlines()
    name = page.relative_to(ROOT).as_posix() if page.is_relative_to(ROOT) else page.name
    found = []
    for token in MarkdownIt("commonmark").parse(text):
        if token.type == "fence" and token.map:
            before = next((line.strip() for line in reversed(lines[: token.map[0]]) if line.strip()), "")
            found.append(Block(name, token.map[0] + 1, token.info.strip(), token.content, before))
    return found


def unfit(page: list[Block]) -> list[str]:
    """What is wrong with the blocks of a page: those that nothing would be done with."""
    wrong = []
    previous = None
    for block in page:
        if block.language == SHOWN and (previous is None or previous.language not in (*RUN, SHOWN)):
            wrong.append(f"{block}: output of nothing that was run")
        elif block.language.startswith("{") and not block.language.startswith(_CODE):
            pass  # Sphinx does something with it, and `test_site.py` sees to it that it can
        elif block.language not in (*RUN, *PARSED, SHOWN, PLAIN) and not (block.file or block.excuse):
            wrong.append(f"{block}: {block.language or 'no language'} is neither run nor excused")
        previous = block
    return wrong
