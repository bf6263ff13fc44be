"""What Celery's results can do, name by name; groups and trees of results, read and written by either."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import redis

from celeriac import Celeriac, result
from celeriac.exceptions import IncompleteStream
from celeriac.ids import new_id
from celeriac.message import document
from celeriac.message.format import Format
from celeriac.result import AsyncResult, EagerResult, GroupResult, ResultSet, result_from_tuple

pytestmark = pytest.mark.slow

KINDS = {
    "AsyncResult": AsyncResult("id"),
    "EagerResult": EagerResult("id", 1, "SUCCESS"),
    "ResultSet": ResultSet(),
    "GroupResult": GroupResult("id"),
}
MISSING = {
    "backend": "there are no backends: results are in the store, `app.store`",
    "on_ready": "a promise of the library vine; `then` is what it is for",
    "throw": "throws into that promise",
    "revoke_by_stamped_headers": "tasks are revoked by id",
}
"""Public names of Celery's results that are not here, and why."""

RESULTS = "__import__('celery.result').result"
SURFACE = """(lambda inspect, made: {{name: {{member: list(inspect.signature(getattr(one, member)).parameters)
    if inspect.isroutine(getattr(type(one), member, None)) else None
    for member in dir(one) if member[0] != '_' and member not in ('backend', 'graph', 'children')
    }} for name, one in made.items()}})(__import__('inspect'), {{
    'AsyncResult': results.AsyncResult('id', app=app), 'EagerResult': results.EagerResult('id', 1, 'SUCCESS'),
    'ResultSet': results.ResultSet([], app=app), 'GroupResult': results.GroupResult('id', [], app=app)}})"""


def test_every_public_name_is_there_or_has_a_reason_not_to_be(celery, place):
    assert set(celery(f"{RESULTS}.__all__", place)) <= set(result.__all__)
    surface = celery(SURFACE.replace("{{", "{").replace("}}", "}").replace("results.", f"{RESULTS}."), place)
    assert sum(map(len, surface.values())) > 120
    unneeded = set(MISSING)
    for kind, members in surface.items():
        names = {*members, "graph", "children"} if kind in ("AsyncResult", "EagerResult") else set(members)
        here = {name for name in names if name in dir(KINDS[kind])}
        assert names - here <= set(MISSING), kind
        unneeded -= names - here
        for name in here:
            wanted = set(members.get(name) or ()) - {"args", "kwargs"}
            if wanted and callable(getattr(type(KINDS[kind]), name)):
                assert wanted <= set(inspect.signature(getattr(KINDS[kind], name)).parameters), (kind, name)
    assert unneeded == {"backend"}  # not asked for above: to look at it connects


FORMATS = [("json", None), ("json", "gzip"), ("msgpack", None), ("yaml", None), ("pickle", "bzip2")]


@pytest.mark.parametrize(("name", "packing"), FORMATS)
def test_groups_are_saved_for_each_other(celery, place, name, packing):
    settings: dict[str, Any] = {"result_serializer": name, "result_compression": packing}
    settings["accept_content"] = ["json", name]
    group, members = new_id(), [new_id() for _ in range(3)]
    other = "celery.Celery('o', broker={broker}, backend={backend}, set_as_current=False, **{settings})"
    names = {"broker": place.broker, "backend": place.results, "settings": settings, "group": group}

    def ask(expression, **more):
        return celery(f"(lambda o, G, A: {expression})({other}, {RESULTS}.GroupResult, {RESULTS}.AsyncResult)",
                      place, **names, **more)  # fmt: skip

    with Celeriac("groups", broker=place.broker, backend=place.results, **settings) as app:
        mine = app.GroupResult(group, [app.AsyncResult(id) for id in members], parent=app.AsyncResult("above"))
        assert mine.save() is mine
        with redis.Redis.from_url(place.results) as server:
            assert 86000 < server.ttl(f"celery-taskset-meta-{group}") <= 86400
        read = "[(r.id, [m.id for m in r.results], r.parent and r.parent.id) for r in [G.restore({group}, app=o)]][0]"
        assert ask(read) == (group, members, "above")
        ask("G.restore({group}, app=o).delete()")
        assert GroupResult.restore(group, app=app) is None
        ask("G({group}, [A(id, app=o) for id in {members}], app=o).save() and None", members=members)
        theirs = app.GroupResult.restore(group)
        assert theirs is not None
        assert (theirs, theirs.as_tuple()) == (
            GroupResult(group, [AsyncResult(id) for id in members]),
            theirs.as_tuple(),
        )
        assert [each.id for each in theirs] == members
        theirs.delete()
        assert ask("G.restore({group}, app=o)") is None


@pytest.fixture
def tree(place):
    """Documents of a task with two children, one of them a group of two, and one below the other."""
    ids = {name: new_id() for name in ("root", "one", "group", "first", "second", "leaf")}
    below = {"root": [(ids["one"], None)], "one": [(ids["leaf"], None)]}
    written = {}
    for name in ("root", "one", "first", "second", "leaf"):
        children: list[Any] = [[[id, None], members] for id, members in below.get(name, ())]
        if name == "root":
            children.append([[ids["group"], None], [[[ids[each], None], None] for each in ("first", "second")]])
        plain = document.write(ids[name], "SUCCESS", b'"%b"' % name.encode(), 1.9e9)
        written[name] = plain.replace(b'"children":[]', b'"children":' + Format().write(children))
    with redis.Redis.from_url(place.results) as server:
        for name, data in written.items():
            server.set(f"celery-task-meta-{ids[name]}", data)
    return ids


def test_a_tree_is_walked_as_celery_walks_it(celery, ours, place, tree):
    names = {id: name for name, id in tree.items()}
    root = ours.AsyncResult(tree["root"])
    over_there = "[(a and a.id, n.id) for a, n in app.AsyncResult({id}).iterdeps()]"
    walked = [(above.id if above else None, node.id) for above, node in root.iterdeps()]
    assert walked == celery(over_there, place, id=root.id)
    assert [names[id] for _, id in walked] == ["root", "one", "group", "leaf", "first", "second"]
    collected = [(node.id, value) for node, value in root.collect(timeout=5)]
    assert collected == celery("[(n.id, v) for n, v in app.AsyncResult({id}).collect(timeout=5)]", place, id=root.id)
    assert root.get_leaf() == celery("app.AsyncResult({id}).get_leaf()", place, id=root.id)
    asked = "[(n.id, [b.id for b in g[n]]) for g in [app.AsyncResult({id}).build_graph()] for n in g]"
    graph = root.graph
    assert [(node.id, [below.id for below in graph[node]]) for node in graph] == celery(asked, place, id=root.id)
    order = [names[node.id] for node in graph.topsort()]
    assert all(order.index(below) < order.index(above) for above, below in (("root", "one"), ("one", "leaf")))
    assert (graph.valency_of(root), len(graph), root in graph) == (5, 6, True)
    children = celery("[c.as_tuple() for c in app.AsyncResult({id}).children]", place, id=root.id)
    assert [child.as_tuple() for child in root.children] == children
    assert [result_from_tuple(child, ours).as_tuple() for child in children] == children


def test_a_tree_that_is_not_complete_says_so(ours, place, tree):
    root = ours.AsyncResult(tree["root"])
    with redis.Redis.from_url(place.results) as server:
        server.delete(f"celery-task-meta-{tree['leaf']}")
    for ask in (lambda: list(root.iterdeps()), root.build_graph):
        with pytest.raises(IncompleteStream):
            ask()
    assert len(root.build_graph(intermediate=True)) == 6
