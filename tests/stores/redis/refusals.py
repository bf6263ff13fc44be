"""Redis stores each of whose scripts is first refused in every way, and then performed.

The refusals of single calls are written into the text of the script: `redis.call` and `redis.pcall` are replaced by
functions that raise, or return, an error instead of calling. The clock stands still meanwhile, so that two runs of one
request on the same data leave the same data. After each refusal the data are those of before, or those after a run
that nobody refused: nothing in between.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import hiredis

from celeriac.stores import contract as c
from celeriac.stores.redis import RedisStore, verbs
from celeriac.stores.redis.address import parse
from celeriac.stores.redis.link import BlockingLink, check, needs_script, pack_all
from celeriac.stores.redis.scripts import names, script

NAMES = {script(name).digest: name for name in names()}

_WRAPPER = b"""
local real, calls, clock = redis, {}, {}
clock[2], clock[1] = table.remove(ARGV), table.remove(ARGV)
local refuse_all, refuse_at = table.remove(ARGV), tonumber(table.remove(ARGV))
local function refused(command)
  calls[#calls + 1] = string.upper(command)
  return #calls == refuse_at or calls[#calls] == refuse_all
end
local redis = setmetatable({
  call = function(command, ...)
    if refused(command) then error({err = 'NOPERM injected'}) end
    if command == 'TIME' then return clock end
    return real.call(command, ...)
  end,
  pcall = function(command, ...)
    if refused(command) then return {err = 'NOPERM injected'} end
    return real.pcall(command, ...)
  end,
}, {__index = real})
local function request()
%b
end
return {calls, request() or false}
"""

_DUMP = b"""
local reply = {}
for _, db in ipairs(ARGV) do
  redis.call('SELECT', db)
  for _, key in ipairs(redis.call('KEYS', '*')) do
    local kind, value = redis.call('TYPE', key).ok, nil
    if kind == 'string' then value = {redis.call('GET', key)} end
    if kind == 'list' then value = redis.call('LRANGE', key, 0, -1) end
    if kind == 'hash' then value = redis.call('HGETALL', key) end
    if kind == 'set' then value = redis.call('SMEMBERS', key) end
    if kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end
    reply[#reply + 1] = {db, key, kind, value, redis.call('DUMP', key)}
  end
end
return reply
"""
_RESTORE = b"""
for i = 2, 1 + ARGV[1] do
  redis.call('SELECT', ARGV[i])
  redis.call('FLUSHDB')
end
for i = 2 + ARGV[1], #ARGV, 3 do
  redis.call('SELECT', ARGV[i])
  redis.call('RESTORE', ARGV[i + 1], 0, ARGV[i + 2])
end
"""

State = dict[tuple[bytes, bytes], Any]

_STARTED = b"celeriac:started:"


class Snapshot(NamedTuple):
    """What databases hold: to compare, and to bring back."""

    state: State
    dumps: list[bytes]


class Trial(NamedTuple):
    """A script that is about to be refused something, and what it does when it is not."""

    name: str
    command: list[bytes]
    clock: Any
    calls: list[str]
    reply: Any
    before: Snapshot
    after: Snapshot


class Tried:
    """The store; each script is tried in some way before it is performed. `run` is all that `compare` asks of it."""

    def __init__(self, url: str, results_url: str | None = None) -> None:
        self._store = RedisStore(url, results_url)
        self._place = self._store._place
        self._link = _Link(parse(url), self._place.db)
        results = [] if self._place.results_db is None else [b"%d" % self._place.results_db]
        self._databases = [b"%d" % self._place.db, *results]
        self.points: Counter[str] = Counter()
        """How often each script was refused something."""

    @property
    def db(self) -> int:
        """The number of the database."""
        return self._place.db

    def run(self, request: c.Request[Any], *, deadline: float | None = None) -> Any:
        """Try the request, and then perform it."""
        command = verbs.encode(request, self._place)
        if command[0] == b"EVALSHA":
            self.try_out(command)
        return self._store.run(request)

    def try_out(self, command: list[bytes]) -> None:
        """Try a script; nothing is changed by it."""
        clock = self.ask([b"TIME"])
        before = self.look()
        calls, reply = self.perform(command, clock)
        after = self.look()
        self.bring_back(before, after)
        self.refuse(Trial(NAMES[command[1]], command, clock, calls, reply, before, after))

    def refuse(self, trial: Trial) -> None:
        """Refuse what the script asks, in some way."""
        raise NotImplementedError

    def judge(self, trial: Trial, refused: Any, story: str = "") -> None:
        """What is there now is what was there before if the script was refused, else what is there after it."""
        now = self.look()
        if isinstance(refused, hiredis.ReplyError):
            expected = trial.before.state
        elif trial.name == "purge":
            assert _messages(trial.before.state) - _messages(now.state) == refused, story
            expected = now.state
        else:
            assert _unordered(refused) == _unordered(trial.reply), (trial.name, story)
            expected = trial.after.state
        assert now.state == expected, f"{trial.name}, {story}: {refused}: {differences(expected, now.state)}"
        self.bring_back(trial.before, now)

    def perform(
        self, command: list[bytes], clock: Any, at: int = 0, all: str = "", link: BlockingLink | None = None
    ) -> tuple[list[str], Any]:
        """Run a script so: the calls it made, and its reply."""
        text = _WRAPPER % script(NAMES[command[1]]).text
        told = self._eval(text, *command[2:], b"%d" % at, all.encode(), *clock, link=link)
        if isinstance(told, hiredis.ReplyError):
            return [], told
        calls, reply = told
        return [call.decode() for call in calls], reply

    def _eval(self, text: bytes, *words: bytes, link: BlockingLink | None = None) -> Any:
        link = self._link if link is None else link
        digest = hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()
        reply = link.exchange([b"EVALSHA", digest, *words], 20)
        return link.exchange([b"EVAL", text, *words], 20) if needs_script(reply) else reply

    def ask(self, command: list[bytes]) -> Any:
        """Send any command."""
        return self._link.exchange(command, 20)

    def look(self) -> Snapshot:
        """All that is there."""
        rows = check(self._eval(_DUMP, b"0", *self._databases))
        compared = {(db, key): _comparable(key, kind, value) for db, key, kind, value, _ in rows}
        for db, key in compared:
            if key.startswith(_STARTED):
                compared[db, key] = _marks(compared, db, key)
        state = {place: value for place, value in compared.items() if value[1]}
        return Snapshot(state, [word for db, key, _, _, dump in rows for word in (db, key, dump)])

    def bring_back(self, wanted: Snapshot, now: Snapshot | None = None) -> None:
        """Make it as it was."""
        if now is None or now.state != wanted.state:
            count = b"%d" % len(self._databases)
            check(self._eval(_RESTORE, b"0", count, *self._databases, *wanted.dumps))

    def close(self) -> None:
        """Drop the connections."""
        self._link.close()
        self._store.close()


class _Link(BlockingLink):
    """The same; scripts that are none of the store's are spelt out by their caller."""

    def exchange(self, command: list[bytes], seconds: float) -> Any:
        return self._exchange(pack_all(command), seconds)


class Refusing(Tried):
    """Each call of a script is refused in turn, and each command that it uses wherever it does."""

    def refuse(self, trial: Trial) -> None:
        """See the class."""
        for number, call in enumerate(trial.calls, 1):
            self.points[trial.name] += 1
            refused = self.perform(trial.command, trial.clock, at=number)[1]
            self.judge(trial, refused, f"call {number} ({call})")
        for word in sorted(set(trial.calls)):
            self.points[trial.name] += 1
            refused = self.perform(trial.command, trial.clock, all=word)[1]
            self.judge(trial, refused, f"every {word}")


class Denied(Tried):
    """The user is denied each command that a script uses, in turn, by Redis itself, then channels, then results."""

    def __init__(self, url: str, results_url: str | None = None) -> None:
        super().__init__(url, results_url)
        self._rules(b"reset", b"on", b">s3cr3t", b"+@all", b"~*", b"&*")
        self._user = _Link(parse(url.replace("://", "://app:s3cr3t@")), self._place.db)

    def refuse(self, trial: Trial) -> None:
        """See the class."""
        no_results = (b"resetkeys", b"~celeriac:*", b"~q*", b"~unacked*")
        ways = [((b"-" + call.encode(),), (b"+" + call.encode(),)) for call in set(trial.calls) - {"TIME"}]
        for taken, given in [*ways, ((b"resetchannels",), (b"&*",)), (no_results, (b"~*",))]:
            self.points[trial.name] += 1
            self._rules(*taken)
            refused = self.perform(trial.command, trial.clock, link=self._user)[1]
            self._rules(*given)
            self.judge(trial, refused, str(taken))

    def _rules(self, *rules: bytes) -> None:
        check(self.ask([b"ACL", b"SETUSER", b"app", *rules]))

    def close(self) -> None:
        """Drop the connections."""
        self._user.close()
        super().close()


class Filled(Tried):
    """The server is full: producers are refused, all others served."""

    def refuse(self, trial: Trial) -> None:
        """See the class."""
        self.points[trial.name] += 1
        check(self.ask([b"CONFIG", b"SET", b"maxmemory", b"1"]))
        refused = self.perform(trial.command, trial.clock)[1]
        check(self.ask([b"CONFIG", b"SET", b"maxmemory", b"0"]))
        if isinstance(refused, hiredis.ReplyError) and str(refused) != str(trial.reply):
            assert trial.name in PRODUCERS, (trial.name, refused)
            assert str(refused).startswith("OOM "), trial.name
        self.judge(trial, refused)


class Misused(Tried):
    """The key of each list, in turn, is a string of another program."""

    def refuse(self, trial: Trial) -> None:
        """See the class."""
        before, after = trial.before.state, trial.after.state
        # Which messages are dropped depends on where they are.
        for place, (kind, _) in {**before, **after}.items():
            if kind == b"list" and trial.name != "purge":
                self.points[trial.name] += 1
                self._misuse(trial, place)

    def _misuse(self, trial: Trial, place: tuple[bytes, bytes]) -> None:
        before, after = raws(trial.before.state), raws(trial.after.state)
        check(self.ask([b"SET", place[1], b"of another program"]))
        misused = self.look()
        refused = self.perform(trial.command, trial.clock)[1]
        now = self.look()
        if isinstance(refused, hiredis.ReplyError):
            known = trial.name in PRODUCERS and "is no list: " in str(refused)
            assert known or str(refused) == str(trial.reply), (trial.name, refused)
            assert now.state == misused.state, f"{trial.name}: {differences(misused.state, now.state)}"
        else:
            assert now.state[place] == misused.state[place]
            expected = raws(misused.state) - (before - after) + (after - before)
            assert raws(now.state) == expected, f"{trial.name}, {place}: {refused}"
            assert _results(now.state) == _results(trial.after.state), f"{trial.name}, {place}"
        self.bring_back(trial.before, now)


PRODUCERS = {"enqueue", "share", "replay", "note"}


def differences(one: State, other: State) -> dict[Any, Any]:
    """Where two states are not the same."""
    return {key: (one.get(key), other.get(key)) for key in {*one, *other} if one.get(key) != other.get(key)}


def _unordered(reply: Any) -> Any:
    """What a reply holds: the order of what comes from a hash is another after it was brought back."""
    return sorted(map(_unordered, reply), key=repr) if isinstance(reply, list) else str(reply)


def _results(state: State) -> State:
    return {key: value for key, value in state.items() if key[1].startswith(b"celery-task-meta-")}


def _comparable(key: bytes, kind: bytes, value: list[bytes]) -> Any:
    """What a key holds; a count of nothing is as good as none, and no fields are no hash."""
    if kind not in (b"hash", b"zset"):
        return kind, frozenset(value) if kind == b"set" else tuple(value)
    counts = key.endswith(b":counts") or key == b"celeriac:queues"
    pairs = zip(value[::2], value[1::2], strict=True)
    return kind, {name: number for name, number in pairs if not counts or number != b"0"}


def _marks(state: State, db: bytes, key: bytes) -> Any:
    """The marks of claims that are held: one without its claim says nothing."""
    kind, marks = state[db, key]
    _, claims = state.get((db, b"celeriac:claims:" + key.removeprefix(_STARTED)), (None, {}))
    return kind, marks & claims.keys()


def _messages(state: State) -> int:
    return sum(len(value) for kind, value in state.values() if kind == b"list")


def raws(state: State) -> Counter[bytes]:
    """Every message that is anywhere: in lists, delayed, in workers' hands, among the dead letters."""
    return Counter(raw for key, value in state.items() for raw in _raws_of(key[1], *value))


def _raws_of(key: bytes, kind: bytes, value: Any) -> Iterator[bytes]:
    if kind == b"list":
        yield from value
    elif key == b"unacked":
        yield from value.values()
    elif key == b"celeriac:delayed:messages":
        yield from (each.split(b"\n", 1)[1] for each in value.values())
    elif key.startswith(b"celeriac:claims:") or key == b"celeriac:dead:letters":
        yield from (each.split(b"\n", 2)[2] for each in value.values())
