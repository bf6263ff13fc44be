"""What a message asks to be called when its task has ended: callbacks and errbacks, as Celery writes them.

A signature is a dictionary with `task`, `args`, `kwargs`, `options`, `immutable`, `subtask_type`. What follows
is enqueued with the outcome, in the same step, under ids made from the task's own: nothing is called twice.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from celeriac import ids
from celeriac.app import Task
from celeriac.calls.sender import Call, Sender
from celeriac.exceptions import InvalidOption
from celeriac.message import values
from celeriac.stores.contract import Message
from celeriac.worker.child.attempt import Attempt

logger = logging.getLogger("celeriac.worker")

_COMPOSED = frozenset({"chain", "group", "chord", "chunks", "map", "starmap", "xmap", "xstarmap"})
_OPTIONS = frozenset(
    {
        "countdown",
        "eta",
        "expires",
        "group_id",
        "group_index",
        "headers",
        "ignore_result",
        "priority",
        "queue",
        "reply_to",
        "shadow",
        "soft_time_limit",
        "task_id",
        "time_limit",
    }
)
"""Options of a signature that mean the same in a call; what routes by exchange is of no use here."""


class Unsupported(Exception):
    """A callback that this version cannot call."""


class Followups:
    """Makes messages of signatures."""

    def __init__(self, tasks: Mapping[str, Task[..., Any]], sender: Sender) -> None:
        self._tasks = tasks
        self._sender = sender

    def after_success(self, attempt: Attempt, value: Any) -> tuple[Message, ...]:
        """The callbacks and the next link of the chain: called with the result first, unless immutable."""
        embed = attempt.context.embed
        found = list(self._messages(attempt, "callbacks", embed.get("callbacks"), (value,)))
        chain = embed.get("chain")
        if isinstance(chain, list) and chain:
            # Written from the last link to the first: the next one takes the rest along.
            found += self._messages(attempt, "chain", _with_rest(chain[-1], chain[:-1]), (value,))
        if embed.get("chord"):
            logger.error("%s[%s]: its chord is not told: chords come in a later version", attempt.task.name, attempt.id)
        return tuple(found)

    def after_failure(self, attempt: Attempt, error: BaseException, trace: str) -> tuple[Message, ...]:
        """The errbacks: each is called with the task's id first, unless it is immutable.

        One that is registered here and takes `(request, exc, traceback)` is called at once, as in Celery; what
        it raises is logged.
        """
        errbacks = attempt.context.embed.get("errbacks")
        return tuple(self._messages(attempt, "errbacks", errbacks, (attempt.id,), (attempt.context, error, trace)))

    def _messages(
        self,
        attempt: Attempt,
        kind: str,
        signatures: Any,
        first: tuple[Any, ...],
        inline: tuple[Any, ...] | None = None,
    ) -> Iterator[Message]:
        if not signatures:
            return
        for index, signature in enumerate(signatures if isinstance(signatures, list) else [signatures]):
            try:
                plain = _plain(signature)
                if inline is not None and self._is_inline(plain):
                    self._call_inline(plain, inline)
                else:
                    yield self._message(attempt, plain, first, f"{kind}:{index}")
            except (Unsupported, InvalidOption) as error:
                # Only said for now: workflows bring their own step, which keeps them as dead letters.
                logger.error("%s[%s]: one of its %s is lost: %s", attempt.task.name, attempt.id, kind, error)

    def _is_inline(self, signature: dict[str, Any]) -> bool:
        task = self._tasks.get(signature["task"])
        if task is None or task.bound or task.asynchronous or signature.get("immutable"):
            return False
        try:
            parameters = inspect.signature(task.function).parameters.values()
        except (TypeError, ValueError):
            return False
        if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
            return True
        places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return sum(parameter.kind in places for parameter in parameters) > 1

    def _call_inline(self, signature: dict[str, Any], arguments: tuple[Any, ...]) -> None:
        try:
            self._tasks[signature["task"]].body(*arguments, *signature["args"], **signature["kwargs"])
        except BaseException:
            logger.exception("errback %s raised", signature["task"])

    def _message(self, attempt: Attempt, signature: dict[str, Any], first: tuple[Any, ...], what: str) -> Message:
        name = signature["task"]
        known = self._tasks.get(name)
        defaults = known.options if known is not None else {}
        options = signature.get("options") or {}
        embed = {
            "callbacks": options.get("link") or None,
            "errbacks": options.get("link_error") or None,
            "chain": options.get("chain") or None,
            "chord": options.get("chord") or None,
        }
        given = {key: options[key] for key in _OPTIONS & options.keys() if options[key] is not None}
        given.setdefault("task_id", ids.derived_id(f"{attempt.id}:{attempt.context.retries}:{what}"))
        call = Call(
            task=name,
            args=signature["args"] if signature.get("immutable") else [*first, *signature["args"]],
            kwargs=signature["kwargs"],
            root_id=attempt.context.root_id,
            parent_id=attempt.id,
            embed=embed if any(embed.values()) else None,
            **{**defaults, **given},
        )
        return self._sender.message(call)[1]


def follows(embed: Mapping[str, Any]) -> bool:
    """Whether a success has anything to call."""
    return bool(embed.get("callbacks") or embed.get("chain") or embed.get("chord"))


def _with_rest(link: Any, rest: list[Any]) -> Any:
    if not isinstance(link, dict):
        return link
    return {**link, "options": {**(link.get("options") or {}), "chain": rest}}


def _plain(signature: Any) -> dict[str, Any]:
    """A signature of one task, with its arguments in shape."""
    if not isinstance(signature, dict) or not isinstance(signature.get("task"), str):
        raise Unsupported(f"{values.short_repr(signature)} is no signature")
    kind = signature.get("subtask_type") or signature["task"].removeprefix("celery.")
    if kind in _COMPOSED:
        raise Unsupported(f"a {kind} cannot follow a task in this version")
    args, kwargs = signature.get("args") or [], signature.get("kwargs") or {}
    if not isinstance(args, list | tuple) or not isinstance(kwargs, dict):
        raise Unsupported(f"{values.short_repr(signature)} has arguments of the wrong kind")
    return {**signature, "args": list(args), "kwargs": kwargs}
