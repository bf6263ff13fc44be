"""The ledger: every claim is in one place, and only the store's word ends it."""

from __future__ import annotations

import pytest

from celeriac.store.contract import Claim, Deferral, Outcome, Reconciled, Return
from celeriac.worker.core.ledger import LARGE_OUTCOME, Held, Ledger


def held(name: str, **fields) -> Held:
    return Held(name, "q", 0, b"raw", f"task-{name}", "t", **fields)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_a_claim_goes_from_ready_to_out_to_ended_to_sent(ledger):
    item = held("a")
    ledger.add(item)
    ledger.hand_out(ledger.ready.popleft())
    ledger.end_with_document(item, b"doc")
    assert ledger.send(10, 1000) == (Outcome("a", "task-a", b"doc"),)
    assert not ledger.empty
    ledger.settle(())
    assert ledger.empty


def test_what_is_taken_back_is_the_next_to_go(ledger):
    for name in "abcd":
        ledger.add(held(name))
    out = [ledger.ready.popleft() for _ in range(3)]
    for item in out:
        ledger.hand_out(item)
    ledger.take_back(out[1:])
    assert [item.claim for item in ledger.ready] == ["b", "c", "d"]
    assert list(ledger.out) == ["a"]


def test_one_request_carries_so_many_outcomes_and_so_many_bytes(ledger):
    for name in "abcde":
        ledger.end_with_document(held(name), b"x" * 100)
    assert len(ledger.send(2, 1000)) == 2
    ledger.settle(())
    assert len(ledger.send(10, 150)) == 2


def test_after_a_lost_reply_what_was_sent_is_sent_again_first(ledger):
    for name in "abc":
        ledger.end_with_document(held(name), b"")
    ledger.send(2, 1000)
    ledger.unsettle()
    assert [outcome.claim for outcome in ledger.send(3, 1000)] == ["a", "b", "c"]


def test_reconciling_drops_what_the_store_does_not_hold(ledger):
    ledger.add(held("ready"))
    ledger.end_with_document(held("told"), b"")
    running = held("running")
    ledger.hand_out(running)
    unknown = Claim("new", "q", b"")
    assert ledger.reconcile(Reconciled((unknown,), ("told", "running"))) == (unknown,)
    assert [item.claim for item in ledger.ready] == ["ready"]
    assert not ledger.ended
    assert running.stale


def test_all_that_is_held_is_known(ledger):
    ledger.add(held("a"))
    ledger.add(held("b", asynchronous=True))
    ledger.hand_out(held("c"))
    ledger.end_with_document(held("d"), b"")
    ledger.returns.append(Return("e"))
    ledger.deferrals.append(Deferral("f", "f", 1))
    ledger.start([held("g")])
    ledger.refuse(Outcome("h"), "why")
    assert sorted(ledger.known()) == list("abcdefgh")
    assert not ledger.empty
    assert ledger.lease_lost() == 8
    assert ledger.known() == ()


def test_a_lost_lease_leaves_nothing_but_what_runs_and_that_is_stale(ledger):
    ledger.add(held("a"))
    running = held("b")
    ledger.hand_out(running)
    ledger.end_with_document(held("c"), b"")
    assert ledger.lease_lost() == 3
    assert ledger.known() == ()
    ledger.end_with_document(running, b"late")
    assert ledger.empty
    assert not ledger.ended


def test_what_is_stale_is_neither_given_back_nor_handed_out_again(ledger):
    item = held("a", stale=True)
    ledger.hand_out(item)
    ledger.give_back([item])
    ledger.take_back([item])
    assert ledger.empty


def test_giving_back_everything_that_is_ready(ledger):
    ledger.add(held("a"))
    ledger.add(held("b", asynchronous=True))
    ledger.give_back_ready()
    assert ledger.returns == [Return("a"), Return("b")]
    ledger.returns.append(Return("c"))
    ledger.given_back(2, 0)
    assert ledger.returns == [Return("c")]


def test_the_store_refusing_an_outcome_is_counted(ledger):
    ledger.end_with_document(held("a"), b"")
    ledger.send(1, 1)
    ledger.settle(("a",))
    assert ledger.lost == 1


def test_what_is_about_to_be_marked_leaves_by_every_door(ledger):
    items = [held(name) for name in "abcde"]
    ledger.start(items)
    ledger.hand_out(items[0])
    ledger.take_back(items[1:2])
    ledger.give_back(items[2:3])
    ledger.end(items[3], Outcome("", "task-d"))
    ledger.reconcile(Reconciled((), ("e",)))
    assert not ledger.starting
    assert sorted(ledger.known()) == list("abcd")


def test_a_large_outcome_that_broke_the_connection_is_sent_alone(ledger):
    ledger.end_with_document(held("a"), b"x" * LARGE_OUTCOME)
    ledger.end_with_document(held("b"), b"")
    ledger.send(10, 1 << 30)
    ledger.unsettle()
    assert [outcome.claim for outcome in ledger.ended] == ["b"]
    assert list(ledger.refused) == ["a"]
    ledger.reconcile(Reconciled((), ("a",)))
    assert not ledger.refused
