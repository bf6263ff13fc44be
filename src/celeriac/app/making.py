"""Making tasks: of functions, each with a class of its own, and of objects whose class has `run`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from celeriac.app.task import TOLD_FIRST, AsyncTask, Runtime, Task

if TYPE_CHECKING:
    from celeriac.calls.validation import Dump

_CO_COROUTINE = 0x80
"""A flag of code (Python docs, inspect, "Code Objects Bit Flags")."""


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """As `inspect.iscoroutinefunction` says; that module, which takes 8 ms to load, is asked only if it has to be.

    A plain function says it by a flag of its code. What else counts has to be unwrapped, or was marked by `inspect`.
    """
    if isinstance(function, FunctionType) and "inspect" not in sys.modules:
        return bool(function.__code__.co_flags & _CO_COROUTINE)
    import inspect

    return inspect.iscoroutinefunction(function)


def make_task(
    kind: type[Task[..., Any]],
    function: Callable[..., Any],
    name: str,
    runtime: Runtime,
    *,
    bind: bool,
    options: Mapping[str, Any],
) -> Task[..., Any]:
    """A task of a function. An `__init__` of the subclass runs last, and finds everything there."""
    checks, options = _split(kind, options)
    run, dump = _validated(function, checks, bind, runtime, name)
    own = {
        "run": run if bind else staticmethod(run),
        "_runtime": runtime,
        "__module__": getattr(function, "__module__", kind.__module__),
        "__doc__": function.__doc__ or kind.__doc__,
    }
    made: Any = type(getattr(function, "__name__", name), (kind,), own)
    task: Any = made.__new__(made)
    if bind and not hasattr(run, "__get__"):
        vars(task)["run"] = MethodType(run, task)
    task._declare(function, name, runtime, bound=bind, dump=dump, options=options)
    made.__init__(task)
    done: Task[..., Any] = task
    return done


def remake_task(
    task: Task[..., Any], kind: type[Task[..., Any]], runtime: Runtime, *, bind: bool, options: Mapping[str, Any]
) -> None:
    """Make a task of a function one of another class; attributes that it was given meanwhile stay."""
    made = make_task(kind, task.function, task.name, runtime, bind=bind, options=options)
    object.__setattr__(task, "__class__", type(made))
    vars(task).update(vars(made), body=None)
    if "run" in vars(made):
        vars(task)["run"] = MethodType(vars(made)["run"].__func__, task)
    task._settle()


def adopt_task(task: Task[..., Any], name: str, runtime: Runtime, options: Mapping[str, Any]) -> None:
    """Make a task of an object whose class has `run`."""
    checks, options = _split(type(task), options)
    function = task.run
    run, dump = _validated(function, checks, False, runtime, name)
    if dump is not None:
        vars(task)["run"] = run
    task._declare(function, name, runtime, bound=False, dump=dump, options=options)
    task.asynchronous = is_coroutine_function(function)


def _split(kind: type[Task[..., Any]], options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options that say how arguments are checked, and the others; a class may say the former, too."""
    checks = {name: getattr(kind, name) for name in TOLD_FIRST if hasattr(kind, name)}
    checks.update({name: value for name, value in options.items() if name in TOLD_FIRST})
    return checks, {name: value for name, value in options.items() if name not in TOLD_FIRST}


def _validated(
    function: Callable[..., Any], checks: Mapping[str, Any], bound: bool, runtime: Runtime, name: str
) -> tuple[Callable[..., Any], Dump | None]:
    """The function with arguments and result looked at by their annotations, where that is asked for."""
    if not any(checks.values()):
        return function, None
    from celeriac.calls.validation import Options

    return Options(**checks).apply(function, bound=bound, app=runtime.app, name=name)


def kind_of(base: type[Task[..., Any]], *, asynchronous: bool) -> type[Task[..., Any]]:
    """The class of a task: `base`, made one of `async def` functions where the function is one."""
    if not asynchronous or issubclass(base, AsyncTask):
        return base
    return AsyncTask if base is Task else type(base.__name__, (base, AsyncTask), {"__module__": base.__module__})
