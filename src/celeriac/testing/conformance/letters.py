"""Dead letters: kept, read, put back, dropped."""

from __future__ import annotations

import msgspec

from celeriac.stores import contract as c
from celeriac.testing.conformance.hand import Hand, all_raws, document, put

FULL = c.DeadLetter(
    "full",
    "q",
    b"\xff\n\x00raw",
    "it died\nover two lines",
    priority=3,
    cause=c.Cause.CRASHED,
    task="proj.add",
    worker="celery@here",
    signal="SIGKILL",
    memory=1 << 33,
    error="WorkerLostError",
    place="proj.py:7 in add",
    attempts=(c.Attempt(1.5, "celery@here", "KeyError: 'x'", "Traceback\n  line\n"), c.Attempt(2.5)),
)


class Letters:
    """Part of `StoreConformance`."""

    def test_a_letter_keeps_all_it_says(self, store: c.Store) -> None:
        _bury(store, FULL)
        [letter] = store.run(c.DeadLetters())
        assert letter.when > 0
        assert letter == store.run(c.ReadDead("full"))
        assert _bare(letter) == FULL
        assert letter.fingerprint == FULL.fingerprint

    def test_a_letter_that_is_not_there_is_none(self, store: c.Store) -> None:
        assert store.run(c.ReadDead("nobody")) is None
        assert store.run(c.DeadLetters()) == ()

    def test_letters_come_in_pages_the_newest_first(self, store: c.Store) -> None:
        ids = [f"m{number}" for number in range(10)]
        _bury(store, *(c.DeadLetter(id, "q", bytes(1000), "why") for id in ids))
        seen: list[str] = []
        after = 0
        while page := store.run(c.DeadLetters(limit=3, after=after)):
            assert len(page) == 3 or len(seen) == 9
            seen += [letter.id for letter in page]
            after = page[-1].number
        assert seen == ids[::-1]
        assert [letter.id for letter in store.run(c.DeadLetters(max_bytes=1500))] == ["m9", "m8"]

    def test_no_letter_takes_the_place_of_another(self, store: c.Store) -> None:
        _bury(store, *(c.DeadLetter("same", "q", raw, "why") for raw in (b"a", b"b", b"c")))
        kept = [(letter.id, letter.raw) for letter in store.run(c.DeadLetters())]
        assert kept == [("same#3", b"c"), ("same#2", b"b"), ("same", b"a")]
        assert store.run(c.Stats(("q",))) == (c.QueueStats("q", dead=3),)

    def test_a_replayed_letter_waits_behind_the_others_with_its_priority(self, store: c.Store) -> None:
        _bury(store, FULL, c.DeadLetter("other", "q", b"x", "why"))
        put(store, b"waiting", priority=3)
        assert store.run(c.Replay((c.ReplayItem("full", FULL.raw, "q", 3),))) == ("full",)
        assert all_raws(store) == [b"waiting", FULL.raw]
        assert [letter.id for letter in store.run(c.DeadLetters())] == ["other"]
        assert store.run(c.Stats(("q",))) == (c.QueueStats("q", ready=2, dead=1),)

    def test_a_letter_is_replayed_once_however_often_it_is_asked_for(self, store: c.Store) -> None:
        _bury(store, FULL)
        revival = c.ReplayItem("full", b"raw", "q")
        assert store.run(c.Replay((revival, revival, c.ReplayItem("nobody", b"x", "q")))) == ("full",)
        assert store.run(c.Replay((revival,))) == ()
        assert all_raws(store) == [b"raw"]

    def test_a_replay_may_change_the_message_and_the_queue(self, store: c.Store) -> None:
        _bury(store, FULL)
        store.run(c.Replay((c.ReplayItem("full", b"edited", "other", 6),)))
        [claim] = Hand(store).claim(1, "other")
        assert (claim.raw, claim.priority) == (b"edited", 6)
        assert [stats.queue for stats in store.run(c.Stats()) if stats.claimed] == ["other"]

    def test_the_result_of_what_is_replayed_is_forgotten(self, store: c.Store) -> None:
        _bury(store, FULL, result=document("FAILURE"))
        assert store.run(c.ReadResults(("task of full",))) == (document("FAILURE"),)
        store.run(c.Replay((c.ReplayItem("full", b"x", "q", task="task of full"),)))
        assert store.run(c.ReadResults(("task of full",))) == (None,)

    def test_a_replayed_message_that_dies_again_is_a_letter_again(self, store: c.Store) -> None:
        _bury(store, FULL)
        [first] = store.run(c.DeadLetters())
        store.run(c.Replay((c.ReplayItem("full", FULL.raw, "q"),)))
        hand = Hand(store)
        [claim] = hand.claim()
        hand.finish(c.Outcome(claim.id, dead=FULL))
        [again] = store.run(c.DeadLetters())
        assert again.id == "full"
        assert again.number > first.number

    def test_letters_are_dropped_by_id(self, store: c.Store) -> None:
        _bury(store, *(c.DeadLetter(id, "q", b"x", "why") for id in ("a", "b", "c")))
        assert store.run(c.DeleteDeadLetters(("a", "nobody", "c", "a"))) == ("a", "c")
        assert [letter.id for letter in store.run(c.DeadLetters())] == ["b"]
        assert store.run(c.Stats(("q",))) == (c.QueueStats("q", dead=1),)

    def test_letters_of_failed_tasks_are_kept_apart(self, store: c.Store) -> None:
        failed = msgspec.structs.replace(FULL, raw=b"of the failed one", failed=True)
        _bury(store, FULL, failed)
        [dead], [kept] = store.run(c.DeadLetters()), store.run(c.DeadLetters(failed=True))
        assert (_bare(dead), _bare(kept)) == (FULL, failed)
        assert store.run(c.ReadDead("full", failed=True)) == kept
        assert store.run(c.Stats(("q",))) == (c.QueueStats("q", dead=1, failed=1),)
        assert store.run(c.DeleteDeadLetters(("full",))) == ("full",)
        assert store.run(c.Replay((c.ReplayItem("full", b"x", "q"),))) == ()
        assert store.run(c.DeadLetters(failed=True)) == (kept,)

    def test_a_failed_task_is_replayed_once_and_its_result_forgotten(self, store: c.Store) -> None:
        failed = msgspec.structs.replace(FULL, failed=True)
        _bury(store, failed, failed, result=document("FAILURE"))
        revival = c.ReplayItem("full", FULL.raw, "q", 3, "task of full")
        assert store.run(c.Replay((revival, revival), failed=True)) == ("full",)
        assert store.run(c.Replay((revival,), failed=True)) == ()
        assert store.run(c.ReadResults(("task of full",))) == (None,)
        assert [letter.id for letter in store.run(c.DeadLetters(failed=True))] == ["full#2"]
        assert store.run(c.Stats(("q",))) == (c.QueueStats("q", ready=1, failed=1),)
        assert all_raws(store) == [FULL.raw]


def _bury(store: c.Store, *letters: c.DeadLetter, result: bytes | None = None) -> None:
    """Set messages aside, as a worker does."""
    hand = Hand(store, "gravedigger")
    for letter in letters:
        put(store, b"x", queue="digging")
        [claim] = hand.claim(1, "digging")
        hand.finish(c.Outcome(claim.id, f"task of {letter.id}", result, dead=letter))
    hand.close()


def _bare(letter: c.DeadLetter) -> c.DeadLetter:
    """A letter without what the store fills in."""
    return c.DeadLetter(*(getattr(letter, name) for name in c.DeadLetter.__struct_fields__[:-2]))
