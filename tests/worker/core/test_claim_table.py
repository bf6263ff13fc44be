"""The ledger: every claim is in one place, and only the store's word ends it."""

from __future__ import annotations

import pytest

from celeriac.stores.contract import Claim, Deferral, Outcome, Reconciled, Return
from celeriac.worker.core.claim_table import LARGE_OUTCOME, ClaimTable, HeldClaim


def held(name: str, **fields) -> HeldClaim:
    return HeldClaim(name, "q", 0, b"raw", f"task-{name}", "t", **fields)


@pytest.fixture
def claim_table() -> ClaimTable:
    return ClaimTable()


def test_a_claim_goes_from_ready_to_out_to_ended_to_sent(claim_table):
    item = held("a")
    claim_table.add(item)
    claim_table.hand_out(claim_table.ready.popleft())
    claim_table.end_with_document(item, b"doc")
    assert claim_table.send(10, 1000) == (Outcome("a", "task-a", b"doc"),)
    assert not claim_table.empty
    claim_table.settle(())
    assert claim_table.empty


def test_what_is_taken_back_is_the_next_to_go(claim_table):
    for name in "abcd":
        claim_table.add(held(name))
    out = [claim_table.ready.popleft() for _ in range(3)]
    for item in out:
        claim_table.hand_out(item)
    claim_table.take_back(out[1:])
    assert [item.claim for item in claim_table.ready] == ["b", "c", "d"]
    assert list(claim_table.out) == ["a"]


def test_one_request_carries_so_many_outcomes_and_so_many_bytes(claim_table):
    for name in "abcde":
        claim_table.end_with_document(held(name), b"x" * 100)
    assert len(claim_table.send(2, 1000)) == 2
    claim_table.settle(())
    assert len(claim_table.send(10, 150)) == 2


def test_after_a_lost_reply_what_was_sent_is_sent_again_first(claim_table):
    for name in "abc":
        claim_table.end_with_document(held(name), b"")
    claim_table.send(2, 1000)
    claim_table.unsettle()
    assert [outcome.claim for outcome in claim_table.send(3, 1000)] == ["a", "b", "c"]


def test_reconciling_drops_what_the_store_does_not_hold(claim_table):
    claim_table.add(held("ready"))
    claim_table.end_with_document(held("told"), b"")
    running = held("running")
    claim_table.hand_out(running)
    unknown = Claim("new", "q", b"")
    assert claim_table.reconcile(Reconciled((unknown,), ("told", "running"))) == (unknown,)
    assert [item.claim for item in claim_table.ready] == ["ready"]
    assert not claim_table.ended
    assert running.stale


def test_all_that_is_held_is_known(claim_table):
    claim_table.add(held("a"))
    claim_table.add(held("b", asynchronous=True))
    claim_table.hand_out(held("c"))
    claim_table.end_with_document(held("d"), b"")
    claim_table.returns.append(Return("e"))
    claim_table.deferrals.append(Deferral("f", "f", 1))
    claim_table.start([held("g")])
    claim_table.refuse(Outcome("h"), "why")
    assert sorted(claim_table.known()) == list("abcdefgh")
    assert not claim_table.empty
    assert claim_table.lease_lost() == 8
    assert claim_table.known() == ()


def test_a_lost_lease_leaves_nothing_but_what_runs_and_that_is_stale(claim_table):
    claim_table.add(held("a"))
    running = held("b")
    claim_table.hand_out(running)
    claim_table.end_with_document(held("c"), b"")
    assert claim_table.lease_lost() == 3
    assert claim_table.known() == ()
    claim_table.end_with_document(running, b"late")
    assert claim_table.empty
    assert not claim_table.ended


def test_what_is_stale_is_neither_given_back_nor_handed_out_again(claim_table):
    item = held("a", stale=True)
    claim_table.hand_out(item)
    claim_table.give_back([item])
    claim_table.take_back([item])
    assert claim_table.empty


def test_giving_back_everything_that_is_ready(claim_table):
    claim_table.add(held("a"))
    claim_table.add(held("b", asynchronous=True))
    claim_table.give_back_ready()
    assert claim_table.returns == [Return("a"), Return("b")]
    claim_table.returns.append(Return("c"))
    claim_table.given_back(2, 0)
    assert claim_table.returns == [Return("c")]


def test_the_store_refusing_an_outcome_is_counted(claim_table):
    claim_table.end_with_document(held("a"), b"")
    claim_table.send(1, 1)
    claim_table.settle(("a",))
    assert claim_table.lost == 1


def test_what_is_about_to_be_marked_leaves_by_every_door(claim_table):
    items = [held(name) for name in "abcde"]
    claim_table.start(items)
    claim_table.hand_out(items[0])
    claim_table.take_back(items[1:2])
    claim_table.give_back(items[2:3])
    claim_table.end(items[3], Outcome("", "task-d"))
    claim_table.reconcile(Reconciled((), ("e",)))
    assert not claim_table.starting
    assert sorted(claim_table.known()) == list("abcd")


def test_a_large_outcome_that_broke_the_connection_is_sent_alone(claim_table):
    claim_table.end_with_document(held("a"), b"x" * LARGE_OUTCOME)
    claim_table.end_with_document(held("b"), b"")
    claim_table.send(10, 1 << 30)
    claim_table.unsettle()
    assert [outcome.claim for outcome in claim_table.ended] == ["b"]
    assert list(claim_table.refused) == ["a"]
    claim_table.reconcile(Reconciled((), ("a",)))
    assert not claim_table.refused
