"""Whether arguments fit a function, asked before a call is sent: `TypeError` where the mistake was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import CodeType, FunctionType, MethodType
from typing import Any

_STARS = 0x04 | 0x08
"""Flags of code: it takes `*args`, it takes `**kwargs` (Python docs, inspect, "Code Objects Bit Flags")."""


def _nothing() -> None:
    return None


def anything(*args: Any, **kwargs: Any) -> None:
    """No check at all."""


def assert_arguments(args: Any, kwargs: Any) -> None:
    """Raise TypeError for arguments of a call that are none, in Celery's words."""
    if not isinstance(args, list | tuple):
        raise TypeError("task args must be a list or tuple")
    if type(kwargs) is not dict and not isinstance(kwargs, Mapping):
        raise TypeError("task keyword arguments must be a mapping")


def checker(function: Callable[..., Any], *, skip: int = 0) -> Callable[..., None]:
    """A function with the parameters of `function`, without the first `skip`, that does nothing else.

    Python itself checks the arguments then, in a tenth of a microsecond and in its own words, where binding to an
    `inspect.Signature` takes three. What has no code of its own (a partial, a class) takes anything.
    """
    inner = function.__func__ if isinstance(function, MethodType) else function
    skip += isinstance(function, MethodType)
    code: CodeType | None = getattr(inner, "__code__", None)
    if code is None or not isinstance(inner, FunctionType) or code.co_argcount < skip:
        return anything
    count = code.co_argcount + code.co_kwonlyargcount + (code.co_flags & _STARS).bit_count()
    names = code.co_varnames[skip:count]
    taken = _nothing.__code__.replace(
        co_argcount=code.co_argcount - skip,
        co_posonlyargcount=max(0, code.co_posonlyargcount - skip),
        co_kwonlyargcount=code.co_kwonlyargcount,
        co_flags=_nothing.__code__.co_flags | code.co_flags & _STARS,
        co_varnames=names,
        co_nlocals=len(names),
        co_name=inner.__name__,
        co_qualname=inner.__qualname__,
    )
    defaults = (inner.__defaults__ or ())[-(code.co_argcount - skip) :] if code.co_argcount > skip else ()
    made = FunctionType(taken, {}, inner.__name__, defaults)
    made.__qualname__ = inner.__name__
    made.__kwdefaults__ = inner.__kwdefaults__
    return made


def by_name(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], *, skip: int = 0) -> Any:
    """Arguments by the names of the parameters, defaults included; as they are where there is no telling.

    So calls that mean the same look the same. `skip` parameters come before those of `args`.
    """
    import inspect

    try:
        bound = inspect.signature(function).bind(*(None,) * skip, *args, **kwargs)
    except (TypeError, ValueError):
        return [list(args), dict(kwargs)]
    bound.apply_defaults()
    return dict(tuple(bound.arguments.items())[skip:])
