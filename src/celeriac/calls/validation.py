"""Values of arguments and results by the annotations of a function: pydantic's models, or any plain type.

Two ways, both asked for. `pydantic=True` does what Celery's does: parameters annotated with a model get one, a
returned model is sent as its fields. `validate=True` takes every annotation at its word (`msgspec.convert`),
where the task is called and where it runs, and the return value, too.

Sources: Celery docs, userguide/tasks, "Argument validation with Pydantic"; msgspec docs, "Converters".
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from importlib import import_module
from types import NoneType, UnionType
from typing import Any, Protocol, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from msgspec import Struct

from celeriac.exceptions import ImproperlyConfigured
from celeriac.interrupts import FROM_OUTSIDE

Function = Callable[..., Any]
Arguments = tuple[Sequence[Any], Mapping[str, Any]]

_AS_THEY_ARE = (bytes, datetime, date, time, Decimal, UUID)
"""Types that serializers know."""


class Dump(Protocol):
    """Makes arguments that a serializer can write of those of a call."""

    def __call__(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments: ...


class Options(Struct, frozen=True):
    """What a task says of validation, under Celery's names; `validate` is ours."""

    pydantic: bool = False
    pydantic_strict: bool = False
    pydantic_context: dict[str, Any] | None = None
    pydantic_dump_kwargs: dict[str, Any] | None = None
    validate: bool = False

    def apply(self, function: Function, *, bound: bool, app: Any, name: str) -> tuple[Function, Dump | None]:
        """The function as it is to run, and what a call does to its arguments before they are sent."""
        if self.pydantic:
            models = _Models(self, function, bound, app, name)
            return models.run_validated(), models.dump
        if self.validate:
            types = _Types(function, bound)
            return types.run_validated(), types.dump
        return function, None


class _Checked:
    """A function whose arguments and result are looked at."""

    def __init__(self, function: Function, bound: bool) -> None:
        self._function = function
        self._skip = int(bound)
        self._signature = inspect.signature(function)

    @functools.cached_property
    def _hints(self) -> dict[str, Any]:
        # Annotations may name what is defined further down in the module.
        try:
            return get_type_hints(self._function, include_extras=True)
        except (NameError, AttributeError, TypeError):
            return {}

    def _bind(self, args: Sequence[Any], kwargs: Mapping[str, Any], skip: int) -> inspect.BoundArguments:
        bound = self._signature.bind(*[None] * skip, *args, **kwargs)
        for place, (name, value) in enumerate(tuple(bound.arguments.items())):
            kind = self._signature.parameters[name].kind
            if place >= self._skip and name in self._hints:
                bound.arguments[name] = self._each(kind, value, name, self._hints[name])
        return bound

    def _each(self, kind: Any, value: Any, name: str, hint: Any) -> Any:
        if kind is inspect.Parameter.VAR_POSITIONAL:
            return tuple(self.argument(item, name, hint) for item in value)
        if kind is inspect.Parameter.VAR_KEYWORD:
            return {key: self.argument(item, key, hint) for key, item in value.items()}
        return self.argument(value, name, hint)

    def run_validated(self) -> Function:
        """The function, given what it asks for."""
        if inspect.iscoroutinefunction(self._function):

            @functools.wraps(self._function)
            async def arun(*args: Any, **kwargs: Any) -> Any:
                bound = self._bind(args, kwargs, 0)
                return self.result(await self._function(*bound.args, **bound.kwargs))

            return arun

        @functools.wraps(self._function)
        def run(*args: Any, **kwargs: Any) -> Any:
            bound = self._bind(args, kwargs, 0)
            return self.result(self._function(*bound.args, **bound.kwargs))

        return run

    def argument(self, value: Any, name: str, hint: Any) -> Any:
        """An argument as its annotation wants it."""
        raise NotImplementedError

    def result(self, value: Any) -> Any:
        """The result as it is to be stored."""
        raise NotImplementedError


class _Types(_Checked):
    """Any annotation that `msgspec` knows; a class that it does not know wants an instance of it."""

    def argument(self, value: Any, name: str, hint: Any) -> Any:
        return _convert(value, hint, f"the argument {name!r}")

    def result(self, value: Any) -> Any:
        if "return" in self._hints:
            _convert(value, self._hints["return"], "the result")
        return msgspec.to_builtins(value, builtin_types=_AS_THEY_ARE, enc_hook=_keep)

    def dump(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
        self._bind(args, kwargs, self._skip)
        plain = functools.partial(msgspec.to_builtins, builtin_types=_AS_THEY_ARE, enc_hook=_keep)
        return [plain(value) for value in args], {name: plain(value) for name, value in kwargs.items()}


def _keep(value: Any) -> Any:
    # The serializer says what it cannot write.
    raise NotImplementedError(f"a value of type {type(value).__name__} cannot be sent")


def _convert(value: Any, hint: Any, what: str) -> Any:
    try:
        return msgspec.convert(
            value, hint, builtin_types=_AS_THEY_ARE if not isinstance(value, str) else None, from_attributes=True
        )
    except msgspec.ValidationError as error:
        raise TypeError(f"{what} does not fit: {error}") from error


class _Models(_Checked):
    """Pydantic's models, as Celery's `pydantic=True` treats them."""

    def __init__(self, options: Options, function: Function, bound: bool, app: Any, name: str) -> None:
        super().__init__(function, bound)
        try:
            self._model: Any = import_module("pydantic").BaseModel
        except ModuleNotFoundError as error:
            raise ImproperlyConfigured(f"the task {name} says pydantic=True, and pydantic is not installed") from error
        self._strict = options.pydantic_strict
        self._context = {**(options.pydantic_context or {}), "celery_app": app, "celery_task_name": name}
        self._dump_options = {"mode": "json", **(options.pydantic_dump_kwargs or {})}

    def argument(self, value: Any, name: str, hint: Any) -> Any:
        model = self._model_of(hint, value)
        if model is None:
            return value
        return model.model_validate(value, strict=self._strict, context=self._context)

    def result(self, value: Any) -> Any:
        kind = _optional(self._hints.get("return")) or self._hints.get("return")
        if isinstance(value, self._model) and isinstance(kind, type) and isinstance(value, kind):
            model: Any = value
            return model.model_dump(**self._dump_options)
        return value

    def dump(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
        if not any(isinstance(value, self._model) for value in (*args, *kwargs.values())):
            return args, kwargs
        names = [*self._signature.parameters][self._skip :]
        sent = [self._sent(value, names[place] if place < len(names) else "") for place, value in enumerate(args)]
        return sent, {name: self._sent(value, name) for name, value in kwargs.items()}

    def _sent(self, value: Any, name: str) -> Any:
        """The fields of a model, if the other side makes an equal one of them; else the model itself."""
        hint = self._hints.get(name)
        if not isinstance(value, self._model) or hasattr(type(value), "__json__"):
            return value
        if self._model_of(hint, value) is None:
            return value
        try:
            fields = value.model_dump(**self._dump_options)
            return fields if self.argument(fields, name, hint) == value else value
        except FROM_OUTSIDE:
            raise
        except Exception:  # the model's own code, which may be able to run in a worker only
            return value

    def _model_of(self, hint: Any, value: Any) -> Any:
        inner = _optional(hint)
        kind = inner if inner is not None and value is not None else hint
        return kind if isinstance(kind, type) and issubclass(kind, self._model) else None


def _optional(hint: Any) -> Any:
    """`X` of `X | None`, or None."""
    if get_origin(hint) not in (Union, UnionType):
        return None
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    return kinds[0] if len(kinds) == 1 and len(get_args(hint)) == 2 else None
