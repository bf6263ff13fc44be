"""The pages build into a site without a warning, and every link in it leads somewhere."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from tests.docs.blocks import ROOT
from tests.docs.test_errors import ERRORS

PYTHON = ROOT / ".venv-docs" / "bin" / "python"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            if name == "id" and value:
                self.anchors.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does."""
    if not PYTHON.exists():
        pytest.fail("Sphinx is missing: `make venv-docs` installs it in .venv-docs", pytrace=False)
    target = tmp_path_factory.mktemp("site")
    command = [str(PYTHON), "-m", "sphinx", "-q", "-W", "--keep-going", "-n", "-b", "html", "docs", str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return target


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """All of it."""
    return {path: Page(path) for path in site.rglob("*.html")}


def test_every_link_inside_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    assert len(pages) > 30
    assert list(_broken(site, pages)) == []


def _broken(site: Path, pages: dict[Path, Page]) -> Iterator[str]:
    for path, page in pages.items():
        for link in page.links:
            if "://" in link or link.startswith(("mailto:", "data:")):
                continue
            name, anchor = urldefrag(link)
            target = (path.parent / unquote(name.partition("?")[0])).resolve() if name else path
            if not target.exists() or (anchor and target in pages and unquote(anchor) not in pages[target].anchors):
                yield f"{path.relative_to(site)}: {link}"


def test_no_page_hangs_in_the_air(site: Path, pages: dict[Path, Page]) -> None:
    linked = {urldefrag(link)[0] for link in pages[site / "index.html"].links}
    written = {
        path.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for path in (ROOT / "docs").rglob("*.md")
    }
    assert written - linked - {"index.html"} == set()


def test_each_error_has_its_code_as_anchor(site: Path, pages: dict[Path, Page]) -> None:
    assert {error.code.lower() for error in ERRORS} <= pages[site / "errors.html"].anchors


def test_every_command_and_setting_is_in_it(site: Path) -> None:
    commands = (site / "commands.html").read_text()
    assert all(f"celeriac {name}" in commands for name in ("worker", "dead replay", "queues peek", "init"))
    assert "--concurrency" in commands
