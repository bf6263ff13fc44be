"""Every block of the README and of docs/ is run, in order, as a reader would; a new page is found by itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, ROOT, blocks, unfit
from tests.docs.likeness import alike, missing
from tests.docs.session import Session

WITH_BLOCKS = [page for page in PAGES if blocks(page)]
FRAMEWORKS = ROOT / ".venv-starters" / "bin" / "python"


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def do(page: Path, session: Session) -> None:
    """All that the page says."""
    try:
        for block in blocks(page):
            session.do(block)
        session.end()
    finally:
        session.close()


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=name)
def test_no_block_is_left_out(page):
    assert unfit(blocks(page)) == []


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("page", WITH_BLOCKS, ids=name)
def test_the_page_does_what_it_says(page: Path, tmp_path: Path, new_redis_url: Callable[[], str]) -> None:
    python = sys.executable
    if "<!-- with frameworks -->" in page.read_text():
        if not FRAMEWORKS.exists():
            pytest.fail("the frameworks are missing: `make venv-starters` installs them", pytrace=False)
        python = str(FRAMEWORKS)
    do(page, Session(tmp_path, python, new_redis_url))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("```python\nx\n```", []),
        ("```\nx\n```", ["p.md:1: no language is neither run nor excused"]),
        ("```dockerfile\nx\n```", ["p.md:1: dockerfile is neither run nor excused"]),
        ("<!-- not run: needs a cluster -->\n```sh\nx\n```", []),
        ("<!-- not run: -->\n```sh\nx\n```", ["p.md:2: sh is neither run nor excused"]),
        ("`Dockerfile`:\n\n```dockerfile\nx\n```", []),
        ("```output\nx\n```", ["p.md:1: output of nothing that was run"]),
        ("- one\n\n  ```sh\n  x\n  ```", ["p.md:3: sh is neither run nor excused"]),
    ],
)
def test_what_is_wrong_with_a_page_is_said(tmp_path, text, wrong):
    page = tmp_path / "p.md"
    page.write_text(text)
    assert unfit(blocks(page)) == wrong


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```python\nassert False\n```", "AssertionError"),
        ("`one.py`:\n\n```python\n1 / 0\n```", "ZeroDivisionError"),
        ("```console\n$ false\n```", "ended with 1"),
        ("```console\n$ echo one\ntwo\n```", "this was printed"),
        ("```python\nprint(1)\n```\n\n```output\n2\n```", "this was printed"),
        ("```console\n$ pip install 'celeriac[nothing]'\n```", "no such extra"),
        ("```toml\n[\n```", "Invalid"),
    ],
)
def test_a_page_that_is_wrong_fails(tmp_path, new_redis_url, text, complaint):
    page = tmp_path / "p.md"
    page.write_text(text)
    with pytest.raises((AssertionError, ValueError), match=complaint):
        do(page, Session(tmp_path, sys.executable, new_redis_url))


def test_likeness():
    id = "0b6f6f3e-1111-4222-8333-944455556666"
    alike("", "a ...s\n...\nz", "a 0.1s\nb\nc\nz\n")
    alike("", "a\n...", "a\n")
    alike("", "id 4957c703-0000-4000-8000-000000000000", f"id   {id}\n")
    assert missing("four ...\n...\ntwo", "one\ntwo\nthree\nfour 4\n") is None
    assert missing("two\nfive", "one\ntwo\n") == "five"
    with pytest.raises(AssertionError):
        alike("", "a\nb", "a\nc")
