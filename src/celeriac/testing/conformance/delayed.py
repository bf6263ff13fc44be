"""Looking at messages that are held back, and changing them."""

from __future__ import annotations

from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import HOUR, Hand, all_raws, document, raws

MINUTE = 60_000


class Delayed:
    """Part of `StoreConformance`."""

    def test_delayed_messages_are_listed_by_their_times(self, store: c.Store) -> None:
        _delay(store, ("b", HOUR), ("c", 2 * HOUR), ("a", 3 * HOUR))
        page = store.run(c.Delayed())
        assert ([message.id for message in page.messages], page.after) == (["b", "c", "a"], "")
        first = page.messages[0]
        assert (first.queue, first.raw, first.priority) == ("q", b"b", 0)
        assert 0 <= page.messages[1].due - first.due - HOUR < MINUTE
        assert store.run(c.Promote()).count == 0

    def test_nothing_delayed_is_an_empty_page(self, store: c.Store) -> None:
        assert store.run(c.Delayed()) == c.DelayedPage(())
        assert store.run(c.Delayed(prefix="a")) == c.DelayedPage(())

    def test_pages_hold_each_message_once(self, store: c.Store) -> None:
        hand = Hand(store)
        ids = [f"t{number:02}" for number in range(20)]
        store.run(c.Enqueue(tuple(c.Message(id, "q", id.encode()) for id in ids)))
        for number, claim in enumerate(hand.claim(20)):
            hand.defer(c.Deferral(claim.id, ids[number], due=_IN_2096 + number // 7))
        for prefix in ("", "t"):
            pages = _pages(store, c.Delayed(prefix=prefix, limit=3))
            assert [message.id for page in pages for message in page] == ids
            assert {len(page) for page in pages[:-1]} == {3}

    def test_a_page_goes_on_where_the_last_one_ended_though_that_message_is_gone(self, store: c.Store) -> None:
        _delay(store, *((f"t{number}", HOUR + number * MINUTE) for number in range(6)))
        for prefix in ("", "t"):
            first = store.run(c.Delayed(prefix=prefix, limit=2))
            gone = first.messages[-1].id
            store.run(c.CancelDelayed((c.Cancellation(gone, gone, b"x"),)))
            rest = _pages(store, c.Delayed(prefix=prefix, after=first.after))
            left = [message.id for message in store.run(c.Delayed()).messages]
            assert [message.id for page in rest for message in page] == left[1:]

    def test_a_page_ends_when_it_is_full_of_bytes(self, store: c.Store) -> None:
        messages = (c.Message(f"t{number}", "q", bytes(1000), delay=HOUR + number * MINUTE) for number in range(5))
        store.run(c.Enqueue(tuple(messages)))
        for prefix in ("", "t"):
            pages = _pages(store, c.Delayed(prefix=prefix, max_bytes=1500))
            assert [len(page) for page in pages] == [2, 2, 1]

    def test_a_prefix_chooses_by_id_and_a_queue_by_queue(self, store: c.Store) -> None:
        _delay(store, ("ab1", 3 * HOUR), ("ab2", HOUR), ("ac", 2 * HOUR), ("b", HOUR))
        store.run(c.Enqueue((c.Message("ab3", "other", b"x", 6, HOUR),)))
        assert [message.id for message in store.run(c.Delayed(prefix="ab")).messages] == ["ab1", "ab2", "ab3"]
        assert [message.id for message in store.run(c.Delayed(queue="other")).messages] == ["ab3"]
        assert [message.id for message in store.run(c.Delayed("q", "ab")).messages] == ["ab1", "ab2"]
        found = _pages(store, c.Delayed(queue="other", limit=1))
        assert [message.id for page in found for message in page] == ["ab3"]

    def test_delayed_messages_are_read_by_id(self, store: c.Store) -> None:
        _delay(store, ("a", HOUR))
        found, missing = store.run(c.ReadDelayed(("a", "b")))
        assert missing is None
        assert found is not None
        assert (found.id, found.queue, found.raw) == ("a", "q", b"a")

    def test_of_two_with_one_id_the_later_has_a_number(self, store: c.Store) -> None:
        hand = Hand(store)
        store.run(c.Enqueue(tuple(c.Message(f"m{number}", "q", b"%d" % number) for number in range(3))))
        for claim in hand.claim(3):
            hand.defer(c.Deferral(claim.id, "same", due=_IN_2096))
        found = store.run(c.ReadDelayed(("same", "same#2", "same#3")))
        assert [message and message.raw for message in found] == [b"0", b"1", b"2"]

    def test_a_time_can_be_changed(self, store: c.Store) -> None:
        _delay(store, ("a", HOUR), ("b", 2 * HOUR))
        assert store.run(c.AdjustDelayed((c.Adjustment("a", delay=3 * HOUR), c.Adjustment("x", delay=0)))) == (
            True,
            False,
        )
        assert [message.id for message in store.run(c.Delayed()).messages] == ["b", "a"]
        assert store.run(c.AdjustDelayed((c.Adjustment("a", delay=0),))) == (True,)
        assert Hand(store).finish().next_due == 0
        assert store.run(c.Promote()).count == 1
        assert all_raws(store) == [b"a"]

    def test_message_and_queue_can_be_changed_and_the_priority_stays(self, store: c.Store) -> None:
        store.run(c.Enqueue((c.Message("a", "q", b"before", 6, HOUR),)))
        [before] = store.run(c.Delayed()).messages
        assert store.run(c.AdjustDelayed((c.Adjustment("a", raw=b"after", queue="other"),))) == (True,)
        [after] = store.run(c.Delayed()).messages
        assert after == c.DelayedMessage("a", "other", b"after", 6, before.due)
        counted = (c.QueueStats("q"), c.QueueStats("other", delayed=1))
        assert store.run(c.Stats(("q", "other"))) == counted
        store.run(c.AdjustDelayed((c.Adjustment("a", delay=0),)))
        store.run(c.Promote())
        assert [(claim.raw, claim.priority) for claim in Hand(store).claim(5, "other")] == [(b"after", 6)]

    def test_one_that_is_cancelled_never_becomes_ready_and_says_so(self, store: c.Store) -> None:
        hand = Hand(store)
        store.run(c.Enqueue((c.Message("x", "q", b"x"),)))
        [claim] = hand.claim()
        hand.finish(c.Outcome(claim.id, "done", document("SUCCESS")))
        _delay(store, ("a", HOUR), ("b", HOUR))
        gone = (c.Cancellation("a", "a", document("REVOKED")), c.Cancellation("a", "a", document("REVOKED", "2")))
        unknown = c.Cancellation("x", "x", document("REVOKED"))
        final = c.Cancellation("b", "done", document("REVOKED"))
        assert store.run(c.CancelDelayed((*gone, unknown, final))) == (True, False, False, True)
        assert store.run(c.Stats(("q",))) == (c.QueueStats("q"),)
        assert hand.finish().next_due == -1
        expected = (document("REVOKED"), None, document("SUCCESS"))
        assert store.run(c.ReadResults(("a", "x", "done"))) == expected

    def test_what_was_promoted_cannot_be_changed_any_more(self, store: c.Store) -> None:
        _delay(store, ("a", HOUR))
        store.run(c.AdjustDelayed((c.Adjustment("a", delay=0),)))
        store.run(c.Promote())
        assert store.run(c.AdjustDelayed((c.Adjustment("a", raw=b"late"),))) == (False,)
        assert store.run(c.CancelDelayed((c.Cancellation("a", "a", b"x"),))) == (False,)
        assert store.run(c.ReadDelayed(("a",))) == (None,)
        assert raws(Hand(store).claim()) == [b"a"]


_IN_2096 = 4_000_000_000_000


def _delay(store: c.Store, *items: tuple[str, int]) -> None:
    store.run(c.Enqueue(tuple(c.Message(id, "q", id.encode(), delay=delay) for id, delay in items)))


def _pages(store: c.Store, request: c.Delayed) -> list[tuple[c.DelayedMessage, ...]]:
    """The pages that hold anything."""
    pages = []
    while True:
        page = store.run(request)
        if page.messages:
            pages.append(page.messages)
        if not page.after:
            return pages
        request = c.Delayed(request.queue, request.prefix, page.after, request.limit, request.max_bytes)
