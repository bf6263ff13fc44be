"""The Python blocks of docs/tasks.md and docs/routing.md run, and do what the pages say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from celeriac import apps
from celeriac.sender import Call

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture
def page(request, monkeypatch, tmp_path):
    """The names of the one Python block of a page."""
    monkeypatch.setattr(apps, "_shared", [])
    monkeypatch.setenv("CELERIAC_DIR", str(tmp_path))
    (found,) = re.findall(r"^```python\n(.*?)^```$", (DOCS / request.param).read_text(), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"__name__": "shop"}
    exec(compile(found, request.param, "exec", dont_inherit=True), names)
    with names["app"]:
        yield names


@pytest.mark.parametrize("page", ["tasks.md"], indirect=True)
def test_tasks_of_the_page(page):
    app, order = page["app"], page["Order"](1, page["date"](2030, 1, 2))
    with pytest.raises(TypeError):
        page["add"].delay(1)
    app.conf.task_always_eager = True
    assert page["add"].delay(1, 2).get() == 3
    assert app.tasks["shop.greet"].delay("you").get() == "shop.greet greets you"
    assert page["look"].apply_async(("mine",), headers={"mine": 3}).get() == {"mine": 3}
    assert page["look"].done == 1
    booked = page["book"].delay(order).get()
    assert (booked["id"], str(booked["day"])) == (1, "2030-01-02")
    with pytest.raises(TypeError, match="order"):
        page["book"].delay({"id": "x"})


@pytest.mark.parametrize("page", ["routing.md"], indirect=True)
def test_routes_of_the_page(page):
    def queue(name, *args, **options):
        return page["app"].sender.message(Call(task=name, args=args, **options))[1].queue

    assert [queue(f"shop.{name}") for name in ("mail", "pay", "cut", "other")] == ["mail", "money", "workshop", "shop"]
    assert (queue("shop.other", 500), queue("elsewhere")) == ("large", "celery")
    assert queue("draw", exchange="pictures", routing_key="cat.small") == "cats"
