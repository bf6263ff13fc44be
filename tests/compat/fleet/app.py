"""The fleet's app, for workers and processes of either library: `LIBRARY` says which."""

from __future__ import annotations

import importlib
import json
import os

from tests.compat.fleet.tasks import declare

library = importlib.import_module(os.environ["LIBRARY"])
app = declare(library.Celery("fleet", broker=os.environ["BROKER"], backend=os.environ.get("BACKEND")))
app.conf.update(task_unknown_timeout=0)  # at once, as Celery does
app.conf.update(json.loads(os.environ.get("SETTINGS", "{}")))
