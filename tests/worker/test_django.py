"""A project of Django's as Celery's documentation has it, with one import changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.frameworks import with_django

FILES = {
    "proj/__init__.py": "from .celery import app as celery_app\n",
    "proj/settings.py": """
INSTALLED_APPS = ["shop"]
SECRET_KEY = "s"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.db"}}
CELERY_BROKER_URL = "sqlite:///tasks.db"
""",
    "proj/celery.py": """
import os

from celeriac import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
app = Celery("proj")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
""",
    "shop/__init__.py": "",
    "shop/models.py": """
from django.db import models


class Order(models.Model):
    paid = models.BooleanField(default=False)
""",
    "shop/tasks.py": """
from celeriac import shared_task
from django.db import connection
from shop.models import Order

connection.ensure_connection()


@shared_task
def pay():
    return Order.__name__, connection.connection is None
""",
    "early.py": """
from celeriac import Celery
from shop.models import Order

app = Celery("early", broker="memory://")
""",
}
PROGRAM = """
from celeriac.worker.find import find_app, import_modules
app = find_app("proj")
import_modules(app)
print(sorted(app.tasks), *app.tasks["shop.tasks.pay"]())
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Its folder."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_django_is_set_up_and_its_applications_are_looked_through(project):
    done = with_django("-c", PROGRAM, cwd=project)
    # What the import connected to a database is closed, so that no child inherits it.
    assert (done.stderr, done.stdout) == ("", "['shop.tasks.pay'] Order True\n")


@pytest.mark.parametrize("settings", ["", "proj.settings"], ids=["unset", "set"])
def test_models_that_are_imported_too_early_are_told_of_in_a_few_lines(project, settings):
    """With the module of the app, as in Celery they cannot be imported."""
    variables = {"DJANGO_SETTINGS_MODULE": settings}
    done = with_django("-m", "celeriac", "-A", "early", "call", "t", cwd=project, env=variables)
    assert done.returncode == 1
    *_, error, hint = done.stderr.splitlines()
    assert error.startswith("django.core.exceptions.")
    assert "docs/howto/django.md" in hint
    assert f'"{project}/early.py", line 3' in done.stderr
    assert len(done.stderr.splitlines()) < 12
