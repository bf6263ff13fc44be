"""The hand-over between core and child, in every order in which its steps can happen.

The model follows `worker/core/port.py`, `worker/lane/lane.py` and `worker/child/child.py` step by step:
each access to something shared (a token, a flag, the socket, the ring) is a step, and between any two steps
anybody else may move or a child may die. Stress does not find what is wrong here: a design in which a child
looked at the number of tokens before it took one passed every stress test and fails in this model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

pytestmark = pytest.mark.slow

Item = tuple[int, str]
"""A message under the number by which it was handed over."""


class Child(NamedTuple):
    """A child and its lane; `step` is what the child does next."""

    tokens: int = 0
    taken: frozenset[int] = frozenset()
    begun: frozenset[int] = frozenset()
    socket: tuple[tuple[Item, ...], ...] = ()
    ring: tuple[Item, ...] = ()
    complete: int = 0
    step: str = "wait"
    entries: tuple[Item, ...] = ()
    token: bool = False
    running: Item | None = None
    # What the core keeps of it:
    number: int = 1
    out: tuple[Item, ...] = ()


class State(NamedTuple):
    """Everything: the core's place in its program, what it has, and the children."""

    children: tuple[Child, ...]
    ready: tuple[str, ...]
    step: str = "idle"
    port: int = 0
    items: tuple[Item, ...] = ()
    tally: int = 0
    ran: tuple[tuple[int, int, str], ...] = ()
    reported: frozenset[str] = frozenset()
    charged: frozenset[str] = frozenset()
    take_backs: int = 0
    deaths: int = 0


@dataclass(frozen=True)
class Protocol:
    """The rules; each of them can be broken."""

    takes_at_once: bool = True
    flags: bool = True
    tokens_first: bool = True
    begun_first: bool = True


def change(state: State, index: int, child: Child, **more: Any) -> State:
    """The state with one child changed, and perhaps more."""
    children = (*state.children[:index], child, *state.children[index + 1 :])
    return state._replace(children=children, **more)


# -- the core: Port.hand_over, Lane.post, Lane.take_back, Lane.collect, Dispatcher.child_died ------------------


def core_steps(state: State, protocol: Protocol) -> Iterator[tuple[str, State]]:
    """What the core can do next: it decides freely, and then follows its program."""
    if state.step == "idle":
        yield from decisions(state, protocol)
        return
    index, child = state.port, state.children[state.port]
    match state.step:
        case "post":
            yield from post(state, index, child, protocol)
        case "send":
            sent = child._replace(socket=(*child.socket, state.items))
            after = "idle" if protocol.tokens_first else "post"
            yield "core sends the frame", change(state, index, sent, step=after)
        case "take":
            yield from take(state, index, child, protocol)
        case "flag":
            number = state.items[state.tally][0]
            flagged = child._replace(taken=child.taken | {number})
            yield f"core flags {number}", taken_back(change(state, index, flagged, tally=state.tally + 1))
        case "read":
            yield "core reads an outcome", read(state, index, child)


def decisions(state: State, protocol: Protocol) -> Iterator[tuple[str, State]]:
    """What an idle core may turn to."""
    for index, child in enumerate(state.children):
        if child.step == "buried":
            continue
        if child.complete:
            acquired = change(state, index, child._replace(complete=child.complete - 1), step="read", port=index)
            yield f"core acquires an outcome of {index}", acquired
        elif child.step == "dead":
            yield f"core buries {index}", bury(state, index, child)
        if child.out and state.take_backs:
            begins = state._replace(step="take", port=index, items=child.out, tally=0, take_backs=state.take_backs - 1)
            yield f"core takes back from {index}", begins
        for count in range(1, len(state.ready) + 1):
            items = tuple(enumerate(state.ready[:count], child.number))
            given = child._replace(number=child.number + count, out=(*child.out, *items))
            ready = state.ready[count:]
            first = "post" if protocol.tokens_first else "send"
            planned = change(state, index, given, ready=ready, step=first, port=index, items=items, tally=0)
            yield f"core gives {items} to {index}", planned


def post(state: State, index: int, child: Child, protocol: Protocol) -> Iterator[tuple[str, State]]:
    """Post one token for each message."""
    posted, count = child._replace(tokens=child.tokens + 1), state.tally + 1
    done = "send" if protocol.tokens_first else "idle"
    after = done if count == len(state.items) else "post"
    yield "core posts a token", change(state, index, posted, step=after, tally=count)


def take(state: State, index: int, child: Child, protocol: Protocol) -> Iterator[tuple[str, State]]:
    """Take tokens while there are any: as many messages at the tail have not begun."""
    if state.tally < len(state.items) and child.tokens:
        yield "core takes a token", change(state, index, child._replace(tokens=child.tokens - 1), tally=state.tally + 1)
        return
    tail = state.items[len(state.items) - state.tally :]
    flagged = 0 if protocol.flags else len(tail)
    found = taken_back(state._replace(step="flag", items=tail, tally=flagged))
    yield f"core finds that {tail} have not begun", found


def taken_back(state: State) -> State:
    """Once all are flagged, they are the core's again."""
    if state.step != "flag" or state.tally < len(state.items):
        return state
    child = state.children[state.port]
    kept = child._replace(out=tuple(item for item in child.out if item not in state.items))
    ready = (*(message for _, message in state.items), *state.ready)
    return change(state, state.port, kept, ready=ready, step="idle", items=(), tally=0)


def read(state: State, index: int, child: Child) -> State:
    """Take an outcome out of the ring."""
    item, *rest = child.ring
    held = item in child.out
    left = child._replace(ring=tuple(rest), out=tuple(known for known in child.out if known != item))
    reported = state.reported | {item[1]} if held else state.reported
    return change(state, index, left, reported=reported, step="idle")


def bury(state: State, index: int, child: Child) -> State:
    """After the last outcome: charge what has begun, keep the rest."""
    begun = [message for number, message in child.out if number in child.begun]
    back = tuple(message for number, message in child.out if number not in child.begun)
    gone = child._replace(step="buried", out=())
    return change(state, index, gone, ready=(*back, *state.ready), charged=state.charged | set(begun))


# -- the child: run_plain, Door.put -------------------------------------------------------------------------


def child_steps(state: State, index: int, protocol: Protocol) -> Iterator[tuple[str, State]]:
    """What a child does next; it has no choice but how much it reads at once."""
    child = state.children[index]
    if child.step in ("dead", "buried"):
        return
    if state.deaths:
        yield f"child {index} dies", change(state, index, child._replace(step="dead"), deaths=state.deaths - 1)
    match child.step:
        case "wait":
            for count in {1, len(child.socket)} if child.socket else ():
                items = tuple(item for frame in child.socket[:count] for item in frame)
                read = child._replace(socket=child.socket[count:], entries=child.entries + items)
                yield f"child {index} reads {items}", change(state, index, at_loop(read))
        case "acquire":
            yield from acquire(state, index, child, protocol)
        case "grab":
            grabbed = child._replace(tokens=max(0, child.tokens - 1), token=True, step="pop")
            yield f"child {index} grabs a token", change(state, index, grabbed)
        case "pop":
            yield from pop(state, index, child, protocol)
        case "begin":
            flagged = child._replace(begun=child.begun | {running(child)[0]})
            after = flagged._replace(step="run" if protocol.begun_first else "put")
            yield f"child {index} flags {child.running} as begun", change(state, index, after)
        case "run":
            number, message = running(child)
            after = child._replace(step="put" if protocol.begun_first else "begin")
            ran = (*state.ran, (index, number, message))
            yield f"child {index} runs {child.running}", change(state, index, after, ran=ran)
        case "put":
            written = child._replace(ring=(*child.ring, running(child)), step="complete")
            yield f"child {index} writes an outcome", change(state, index, written)
        case "complete":
            done = child._replace(complete=child.complete + 1, running=None)
            yield f"child {index} completes an outcome", change(state, index, at_loop(done))


def acquire(state: State, index: int, child: Child, protocol: Protocol) -> Iterator[tuple[str, State]]:
    """Take a token, or find that there is none and wait for the next frame."""
    if not child.tokens:
        yield f"child {index} finds no token", change(state, index, child._replace(step="wait"))
    elif protocol.takes_at_once:
        took = child._replace(tokens=child.tokens - 1, token=True, step="pop")
        yield f"child {index} takes a token", change(state, index, took)
    else:
        yield f"child {index} sees a token", change(state, index, child._replace(step="grab"))


def pop(state: State, index: int, child: Child, protocol: Protocol) -> Iterator[tuple[str, State]]:
    """Look at the next message: what is flagged is dropped, and the token kept."""
    (number, message), *rest = child.entries
    if number in child.taken:
        dropped = at_loop(child._replace(entries=tuple(rest)))
        yield f"child {index} drops {number}", change(state, index, dropped)
    else:
        first = "begin" if protocol.begun_first else "run"
        chosen = child._replace(entries=tuple(rest), token=False, running=(number, message), step=first)
        yield f"child {index} chooses {number}", change(state, index, chosen)


def at_loop(child: Child) -> Child:
    """The head of the child's loop: nothing shared is looked at here."""
    if not child.entries:
        return child._replace(step="wait")
    return child._replace(step="pop" if child.token else "acquire")


def running(child: Child) -> Item:
    """What the child is at."""
    assert child.running is not None
    return child.running


# -- what must never be ---------------------------------------------------------------------------------------


def wrong(state: State) -> str:
    """The rule that this state breaks, or nothing."""
    messages = [message for _, _, message in state.ran]
    if len(messages) != len(set(messages)):
        return "a message runs twice"
    for index, number, message in state.ran:
        child = state.children[index]
        if message in state.ready:
            return "a message that ran is handed out again"
        if (
            child.step not in ("dead", "buried")
            and message not in state.reported
            and (number, message) not in child.out
        ):
            return "a message runs under a number that was taken back"
    return ""


def wrong_at_the_end(state: State, messages: str) -> str:
    """The same, where nothing can move any more."""
    ends = [*state.reported, *state.charged, *state.ready]
    if sorted(ends) != sorted(messages):
        return "stuck with a message neither run nor back with the core"
    if state.ready and any(child.step != "buried" for child in state.children):
        return "stuck with a message that nobody gets"
    return ""


@dataclass(frozen=True)
class Bounds:
    """How much happens at most."""

    messages: str
    children: int = 1
    take_backs: int = 0
    deaths: int = 0

    def __str__(self) -> str:
        counts = (len(self.messages), self.children, self.take_backs, self.deaths)
        return "{} messages, {} children, {} take-backs, {} deaths".format(*counts)


def explore(protocol: Protocol, bounds: Bounds) -> tuple[int, str]:
    """Visit every state; returns their number, and the first wrong one with the way there."""
    children = (Child(),) * bounds.children
    start = State(children, tuple(bounds.messages), take_backs=bounds.take_backs, deaths=bounds.deaths)
    came_from: dict[State, tuple[State | None, str]] = {start: (None, "")}
    waiting = [start]
    for state in waiting:
        steps = list(core_steps(state, protocol))
        for index in range(bounds.children):
            steps += child_steps(state, index, protocol)
        rule = wrong(state) or ("" if steps else wrong_at_the_end(state, bounds.messages))
        if rule:
            return len(came_from), f"{rule}:\n{history(state, came_from)}"
        for label, following in steps:
            if following not in came_from:
                came_from[following] = (state, label)
                waiting.append(following)
    return len(came_from), ""


def history(state: State, came_from: dict[State, tuple[State | None, str]]) -> str:
    """The steps that lead to a state."""
    labels: list[str] = []
    step: State | None = state
    while step is not None:
        step, label = came_from[step]
        labels.append(label)
    return "\n".join(reversed(labels))


BOUNDS = (
    Bounds("abcd", take_backs=1),
    Bounds("abc", take_backs=2),
    Bounds("ab", children=2, take_backs=2),
    Bounds("abc", deaths=1, take_backs=1),
    Bounds("ab", children=2, take_backs=1, deaths=1),
)
"""Larger ones (four messages and two take-backs, three messages and two children) hold too, but take minutes."""


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
@pytest.mark.timeout(120)
def test_every_message_runs_once_or_comes_back(bounds: Bounds) -> None:
    states, broken = explore(Protocol(), bounds)
    assert not broken
    assert states > 500


MUTANTS = {
    "look, then take": (Protocol(takes_at_once=False), Bounds("ab", take_backs=1)),
    "no flag": (Protocol(flags=False), Bounds("ab", take_backs=1)),
    "frame before tokens": (Protocol(tokens_first=False), Bounds("ab")),
    "begun after the run": (Protocol(begun_first=False), Bounds("ab", deaths=1)),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_mutant_fails(mutant: str) -> None:
    protocol, bounds = MUTANTS[mutant]
    assert explore(protocol, bounds)[1]
    assert not explore(Protocol(), bounds)[1]
