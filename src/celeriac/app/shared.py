"""`shared_task`: a task of every app of the process, for code that does not know its app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celeriac.app.app import TaskFunction
from celeriac.calls.apps import Proxy, get_current_app, share


def _shared_task(function: Any = None, /, **options: Any) -> Any:
    def register(function: Callable[..., Any]) -> Any:
        share(lambda app: app.make_task(function, **options))

        def find() -> Any:
            app = get_current_app()
            name = options.get("name") or app.gen_task_name(function.__name__, function.__module__)
            return app.tasks[name]

        return Proxy(find)

    return register if function is None else register(function)


shared_task: TaskFunction = _shared_task
"""Make a task of a function in every app, those made later included; takes what `app.task` takes.

What it gives stands for the current app's task. So a package of tasks needs no app, and a project that makes
its app in one place, as Django's and Flask's do, finds them in it.
"""
