"""Every link from a page of the repository to a file of it leads there, its anchor too, as a forge shows them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.docs.blocks import PAGES, ROOT

ALL = (*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "changes").glob("*.md")))


def links(page: Path) -> list[str]:
    """Targets of links and pictures, those of other places left out."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text())
    inline = [child for token in tokens for child in token.children or ()]
    found = [str(token.attrGet("href") or token.attrGet("src") or "") for token in inline]
    return [link for link in found if link and "://" not in link]


def anchors(page: Path) -> set[str]:
    """Headings as a forge names them: small letters, no marks, dashes for spaces."""
    tokens = MarkdownIt("commonmark").parse(page.read_text())
    titles = [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_leads_to_every_page():
    """But to those that only the site has."""
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in links(ROOT / "README.md")}
    made_by_the_site = {ROOT / "docs" / name for name in ("index.md", "commands.md", "api.md")}
    assert set(PAGES[1:]) - made_by_the_site - linked == set()
