"""What one call becomes: options to message, pure, and the two doors to the store. Hot path of producers.

`Task.delay` -> here -> `message.task` -> `Store.run(Enqueue)`.
"""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from msgspec import UNSET, Struct

from celeriac import ids
from celeriac.calls.context import current
from celeriac.calls.routing import Router
from celeriac.clock import Clock, utc_datetime
from celeriac.config import Settings
from celeriac.config.zone import zone_of
from celeriac.exceptions import InvalidOption, SettingWarning
from celeriac.message import compression, limits, serializers, values
from celeriac.message import task as wire
from celeriac.message.document import Document
from celeriac.message.envelope import SentHeaders, SentProperties, spell_out, write_envelope
from celeriac.message.serializers import Serializer
from celeriac.stores.contract import Enqueue, Message, Share, Shared, Store

_MODE_PERSISTENT = 2
_PERSISTENT = (_MODE_PERSISTENT, "persistent")
_MODES = {"transient": 1, "persistent": 2, 1: 1, 2: 2}
_SHORT = 512
_JSON = frozenset({"json", serializers.JSON})


class Call(Struct, kw_only=True):
    """One request to run a task: every option of `apply_async`, under Celery's names and units (seconds)."""

    task: str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] | None = None
    task_id: str | None = None
    countdown: float | None = None
    eta: datetime | str | None = None
    expires: float | datetime | str | None = None
    queue: Any = None
    exchange: Any = None
    routing_key: str | None = None
    exchange_type: str | None = None
    delivery_mode: int | str | None = None
    serializer: str | None = None
    compression: str | None = None
    priority: int | None = None
    ignore_result: bool | None = None
    time_limit: float | None = None
    soft_time_limit: float | None = None
    shadow: str | None = None
    headers: Mapping[str, Any] | None = None
    retries: int = 0
    root_id: str | None = None
    parent_id: str | None = None
    group_id: str | None = None
    group_index: int | None = None
    reply_to: str | None = None
    argsrepr: str | None = None
    kwargsrepr: str | None = None
    embed: dict[str, Any] | None = None
    replaced_task_nesting: int = 0
    stamped_headers: list[str] | None = None
    stamps: dict[str, Any] | None = None
    properties: Mapping[str, Any] | None = None
    route_name: str | None = None
    cache_for: float | None = None


_UNROUTED = frozenset({"task", "args", "kwargs", "embed", "retries", "replaced_task_nesting", "cache_for"})
_ROUTED = tuple(name for name in Call.__struct_fields__ if name not in _UNROUTED)
"""What a route may say of a call, and is shown of it."""


class Plan(Struct):
    """What settings say of every call, read once for each revision of them."""

    revision: int
    queue: str
    priority: int
    ignore_result: bool
    serializer: str | None
    """None for JSON."""
    compression: str | None
    max_bytes: int
    inherits: bool
    """Whether a call in a task has the task's priority."""
    routed: bool
    delivery_mode: int | str | None
    """None for `persistent`."""
    router: Router | None = None

    @classmethod
    def of(cls, settings: Settings) -> Plan:
        """The plan that settings make."""
        check_name(settings.task_default_queue, "task_default_queue")
        return cls(
            settings.revision,
            settings.task_default_queue,
            settings.task_default_priority or 0,
            settings.task_ignore_result,
            None if settings.task_serializer in _JSON else settings.task_serializer,
            settings.task_compression,
            settings.message_max_bytes,
            settings.task_inherit_parent_priority,
            settings.task_routes is not None
            or settings.task_queues is not None
            or not settings.task_create_missing_queues,
            None if settings.task_default_delivery_mode in _PERSISTENT else settings.task_default_delivery_mode,
        )


class Sender:
    """Turns calls into messages and messages into enqueued ones; one a process and app."""

    def __init__(
        self, store: Callable[[], Store], settings: Settings, clock: Clock, tasks: Mapping[str, Any] | None = None
    ) -> None:
        self._store = store
        self._tasks = {} if tasks is None else tasks
        self._plan: Plan | None = None
        self._settings = settings
        self._clock = clock
        self._reply_to = ids.new_id()
        self._looked_at: set[str] = set()
        """Serializers that were compared with what is read here."""

    @property
    def limits(self) -> limits.Limits:
        """The limits that the settings name."""
        return limits.Limits.of(self._settings)

    def send(self, calls: Iterable[Call]) -> list[str]:
        """Enqueue calls in one request each five hundred; returns the task ids, in order."""
        task_ids: list[str] = []

        def requests() -> Iterator[Enqueue]:
            for batch in _in_batches(map(self.message, calls)):
                task_ids.extend([task_id for task_id, _ in batch])
                yield Enqueue(tuple([message for _, message in batch]))

        self._store().run_many(requests(), deadline=self._settings.task_publish_deadline)
        return task_ids

    def send_one(self, call: Call) -> str:
        """Enqueue one call; returns the task id."""
        task_id, message = self.message(call)
        self._store().run(Enqueue((message,)), deadline=self._settings.task_publish_deadline)
        return task_id

    async def asend_one(self, call: Call) -> str:
        """Enqueue one call from an event loop."""
        task_id, message = self.message(call)
        await self._store().arun(Enqueue((message,)), deadline=self._settings.task_publish_deadline)
        return task_id

    def share(self, call: Call, what: Any) -> tuple[str, Document | None]:
        """Find a call of the same task and `what` to share the result of, or enqueue this one; see `sharing`.

        The id of the task whose result it is, and its document where it has ended.
        """
        asking = self._share(call, what)
        request = next(asking)
        while True:
            try:
                request = asking.send(self._store().run(request, deadline=self._settings.task_publish_deadline))
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]

    async def ashare(self, call: Call, what: Any) -> tuple[str, Document | None]:
        """The same from an event loop."""
        asking = self._share(call, what)
        request = next(asking)
        while True:
            shared = await self._store().arun(request, deadline=self._settings.task_publish_deadline)
            try:
                request = asking.send(shared)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]

    def _share(self, call: Call, what: Any) -> Generator[Share, Shared, tuple[str, Document | None]]:
        from celeriac.calls.sharing import check_seconds, key_of, sharing

        task_id, message = self.message(call)
        seconds = check_seconds(call.cache_for, call.ignore_result)
        format = self._store().format
        return sharing(key_of(call.task, what), task_id, message, seconds, self._clock.now(), format)

    def message(self, call: Call) -> tuple[str, Message]:
        """The task id and the message of a call; the running task becomes its parent."""
        task_id = call.task_id
        if task_id is None or task_id == "":
            task_id = ids.new_id()
        else:
            check_name(task_id, "task_id")
        parent = current.get()
        if parent.id not in (None, call.task_id) and call.parent_id is None:
            call.parent_id, call.root_id = parent.id, call.root_id or parent.root_id
        plan = self._plan
        if plan is None or plan.revision != self._settings.revision:
            plan = self._plan = Plan.of(self._settings)
        if call.ignore_result is None:
            call.ignore_result = plan.ignore_result
        if plan.routed or not (
            call.routing_key is call.exchange is call.exchange_type is None and type(call.queue or "") is str
        ):
            self._route(call, plan)
        queue = call.queue or plan.queue
        if queue is not plan.queue:
            check_name(queue, "queue")
        if call.serializer is None:
            call.serializer = plan.serializer
        elif call.serializer in _JSON:
            call.serializer = None
        if call.serializer is not None and call.serializer not in self._looked_at:
            self._look_at(call.serializer)
        if call.compression is None:
            call.compression = plan.compression
        if call.delivery_mode is None:
            call.delivery_mode = plan.delivery_mode
        priority = call.priority
        if priority is None:
            inherits = plan.inherits and parent.id is not None
            inherited = (parent.delivery_info or {}).get("priority") if inherits else None
            priority = plan.priority if inherited is None else inherited
        elif type(priority) is not int:
            priority = _whole(priority)
        if call.eta is not None or call.expires is not None:
            _give_zone(call, zone_of(self._settings))
        reply_to = call.reply_to if call.reply_to is not None else self._reply_to
        now = self._clock.now()
        message = encode(call, task_id, queue, priority, reply_to, now, ids.stamped_id(now), ids.origin())
        limits.check_message(message.raw, plan.max_bytes)
        return task_id, message

    def _look_at(self, serializer: str) -> None:
        """Warn, once, of a serializer that workers with these settings do not read."""
        self._looked_at.add(serializer)
        kind = serializers.find(serializer)
        if kind.content_type not in serializers.accepted(self._settings.accept_content):
            text = f"what is sent as {kind.name} is set aside by workers with these settings: accept_content lacks it"
            warnings.warn(text, SettingWarning, stacklevel=6)

    def _route(self, call: Call, plan: Plan) -> None:
        """Settle to which queue a call goes, and what else its route says of it."""
        if plan.router is None:
            plan.router = Router(self._settings)
        given = {name: value for name in _ROUTED if (value := getattr(call, name)) is not None}
        name, task = call.route_name or call.task, self._tasks.get(call.task)
        told = plan.router.route(given, name, call.args, call.kwargs or {}, task)
        for name, value in told.items():
            if name in _ROUTED and name not in given:
                setattr(call, name, value)
        way = plan.router.queues.resolve(told["queue"], call.exchange, call.routing_key, call.exchange_type)
        call.queue, call.exchange, call.routing_key = way.queue, way.exchange or None, way.key or None


def _give_zone(call: Call, zone: tzinfo | None) -> None:
    """Settle which instants are meant by the times of a call that name no zone."""
    if call.eta is not None:
        call.eta = _instant(call.eta, "eta", zone)
    if isinstance(call.expires, datetime | str):
        call.expires = _instant(call.expires, "expires", zone)


def encode(
    call: Call, task_id: str, queue: str, priority: int, reply_to: str, now: float, tag: str, origin: str
) -> Message:
    """The message of a call: pure. `now` is the wall clock, `tag` the delivery tag Celery's consumers need.

    Raises `InvalidOption` for an option that no worker could act upon.
    """
    _check_options(call, priority)
    eta, delay = _due(call, now) if call.countdown or call.eta is not None else (None, 0)
    expires, expiration = (None, None) if call.expires is None else _expires(call.expires, now)
    kwargs = call.kwargs or {}
    kind = _PLAIN_JSON if call.serializer is None else serializers.find(call.serializer)
    if kind is _PLAIN_JSON:
        body = wire.write_body(call.args, kwargs, call.embed)
    else:
        body = kind.write([call.args, kwargs, call.embed or wire.NO_EMBED])
    # What is short as JSON is short as text; measuring on the way would cost a microsecond a message.
    show: Callable[[Any], str] = repr if kind is _PLAIN_JSON and len(body) < _SHORT else values.short_repr
    headers = SentHeaders(
        "py",
        call.task,
        task_id,
        call.shadow,
        eta,
        expires,
        call.group_id,
        call.group_index,
        call.retries,
        (call.time_limit, call.soft_time_limit),
        call.root_id or task_id,
        call.parent_id,
        show(call.args) if call.argsrepr is None else call.argsrepr,
        show(kwargs) if call.kwargsrepr is None else call.kwargsrepr,
        origin,
        bool(call.ignore_result),
        call.replaced_task_nesting,
        call.stamped_headers,
        call.stamps or _NO_STAMPS,
    )
    properties = SentProperties(
        task_id,
        reply_to,
        _MODE_PERSISTENT if call.delivery_mode is None else _mode(call.delivery_mode),
        UNSET if expiration is None else expiration,
        {"exchange": call.exchange or "", "routing_key": call.routing_key or queue},
        priority,
        "base64",
        tag,
    )
    if call.compression is not None:
        body, headers.compression = compression.pack(body, call.compression)
    message_id = f"{task_id}:{call.retries}" if call.retries else task_id
    raw = _write(call, body, headers, properties, kind)
    if delay <= 0:
        return Message(message_id, queue, raw, priority)
    headers.held = UNSET if eta is None else eta
    return Message(message_id, queue, _write(call, body, headers, properties, kind), priority, delay, raw)


def _write(call: Call, body: bytes, headers: SentHeaders, properties: SentProperties, kind: Serializer) -> bytes:
    if not call.headers and not call.properties:
        return write_envelope(body, headers, properties, kind.content_type, kind.encoding)
    # A caller's headers win over ours, but not over what holds the message back; our properties over a caller's,
    # but for the one that is theirs to choose.
    held = {} if headers.held is UNSET else {wire.HELD: headers.held}
    every = {**spell_out(headers), **(call.headers or {}), **held}
    told = call.properties or {}
    known = {**told, **spell_out(properties)}
    if "correlation_id" in told:
        known["correlation_id"] = told["correlation_id"]
    return write_envelope(body, every, known, kind.content_type, kind.encoding)


_NO_STAMPS: Mapping[str, Any] = {}
_PLAIN_JSON = serializers.find("json")


def _mode(mode: int | str) -> int:
    try:
        return _MODES[mode]
    except (KeyError, TypeError):
        raise InvalidOption(f"delivery_mode cannot be {mode!r}: transient or persistent") from None


def _whole(priority: Any) -> Any:
    """A priority that is a member of an enumeration, or digits, as the number it is."""
    if isinstance(priority, int) and not isinstance(priority, bool):
        return int(priority)
    return int(priority) if isinstance(priority, str) and priority.isascii() and priority.isdigit() else priority


def check_name(text: Any, option: str) -> None:
    """Refuse what is no name for a task, its id or a queue: stores and other workers could not keep it as one."""
    if type(text) is not str and not isinstance(text, str):
        raise InvalidOption(f"{option} cannot be {values.short_repr(text, 100)}: a text")
    if not 0 < len(text) <= wire.MOST_NAME:
        shown = values.short_repr(text, 100)
        raise InvalidOption(f"{option} cannot be {shown}: of 1 to {wire.MOST_NAME} characters, not {len(text)}")
    if not text.isprintable() and any(unicodedata.category(each) in ("Cc", "Cs") for each in text):
        shown = values.short_repr(text, 100)
        raise InvalidOption(f"{option} cannot be {shown}: without control characters and surrogates")


def _check_options(call: Call, priority: int) -> None:
    """Refuse what a worker would refuse, as long as somebody is there to hear it."""
    if type(priority) is not int or not 0 <= priority <= wire.MOST_PRIORITY:
        raise InvalidOption(f"priority cannot be {priority!r}: a whole number from 0, served first, to 255")
    if type(call.retries) is not int or call.retries < 0:
        raise InvalidOption(f"retries cannot be {call.retries!r}: a whole number from 0")
    if call.time_limit is None and call.soft_time_limit is None:
        return
    for name, seconds in (("time_limit", call.time_limit), ("soft_time_limit", call.soft_time_limit)):
        if seconds is not None and not _is_duration(seconds):
            raise InvalidOption(f"{name} cannot be {seconds!r}: a number of seconds")
    if call.time_limit and call.soft_time_limit and call.soft_time_limit > call.time_limit:
        raise InvalidOption("soft_time_limit must be less than or equal to time_limit")


def _is_duration(seconds: Any) -> bool:
    # NaN is neither more nor less than anything.
    return isinstance(seconds, int | float) and 0 <= seconds <= wire.MOST_SECONDS


def _due(call: Call, now: float) -> tuple[str | None, int]:
    """The `eta` header, and the delay in milliseconds."""
    if call.countdown:
        return _after(now, call.countdown, "countdown").isoformat(), int(call.countdown * 1000)
    if call.eta is None:
        return None, 0
    eta = _instant(call.eta, "eta")
    return eta.isoformat(), int((eta.timestamp() - now) * 1000)


def _after(now: float, seconds: Any, option: str) -> datetime:
    try:
        return utc_datetime(now) + timedelta(seconds=seconds)
    except (ValueError, OverflowError, TypeError) as error:
        raise InvalidOption(f"{option} cannot be {values.short_repr(seconds, 100)}: a number of seconds") from error


def _instant(value: Any, option: str, zone: tzinfo | None = UTC) -> datetime:
    try:
        return read_time(value, zone)
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidOption(
            f"{option} cannot be {values.short_repr(value, 100)}: a time, or one in ISO 8601"
        ) from error


def read_time(value: datetime | str, zone: tzinfo | None = UTC) -> datetime:
    """An instant as an aware datetime; if it names no zone it is in that one, None being the machine's."""
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    if instant.tzinfo is not None:
        return instant
    return instant.astimezone() if zone is None else instant.replace(tzinfo=zone)


def _expires(value: float | datetime | str | None, now: float) -> tuple[str | None, str | None]:
    """The `expires` header, and the property that says it to brokers: the milliseconds left, as text."""
    if value is None:
        return None, None
    if isinstance(value, int | float):
        return _after(now, value, "expires").isoformat(), str(int(value * 1000))
    ends = _instant(value, "expires")
    return ends.isoformat(), str(max(0, int((ends.timestamp() - now) * 1000)))


def _in_batches(messages: Iterable[tuple[str, Message]]) -> Iterable[list[tuple[str, Message]]]:
    """Up to five hundred messages or a megabyte at a time."""
    batch: list[tuple[str, Message]] = []
    size = 0
    for pair in messages:
        batch.append(pair)
        size += len(pair[1].raw)
        if len(batch) >= 500 or size > 1 << 20:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
