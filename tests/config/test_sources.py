"""Where settings come from, and which source goes before which."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from celeriac import Celeriac
from celeriac.exceptions import ImproperlyConfigured, SettingWarning
from tests.frameworks import with_django

QUEUE = "task_default_queue"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder and the project's root, with nothing in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CELERIAC_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def module(folder: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a settings module in the current folder."""
    name = f"settings_of_{abs(hash(request.node.name))}"
    (folder / f"{name}.py").write_text(
        "import os\nfrom datetime import timedelta\n"
        "task_default_queue = 'module'\nresult_expires = timedelta(minutes=1)\nmine = 'own'\n"
        "def helper(): ...\n_hidden = 1\n"
        "class Nested:\n    task_default_queue = 'nested'\n"
    )
    yield name
    sys.modules.pop(name, None)


def test_each_source_goes_before_those_below_it(folder, monkeypatch):
    monkeypatch.setenv("CELERIAC_TASK_DEFAULT_QUEUE", "environment")
    app = Celeriac("x", task_default_queue="keyword")
    app.config_from_object({QUEUE: "object"})
    (folder / "pyproject.toml").write_text('[tool.celeriac]\ntask_default_queue = "pyproject"\n')
    app.add_defaults({QUEUE: "added"})

    assert app.conf.task_default_queue == "environment"
    app.conf.task_default_queue = "assigned"
    assert app.conf.task_default_queue == "environment"
    monkeypatch.delenv("CELERIAC_TASK_DEFAULT_QUEUE")
    app.conf.read()
    assert app.conf.task_default_queue == "assigned"
    del app.conf.task_default_queue
    assert app.conf.task_default_queue == "object"
    app.config_from_object({})
    assert app.conf.task_default_queue == "pyproject"
    (folder / "pyproject.toml").unlink()
    app.conf.read()
    assert app.conf.task_default_queue == "added"
    assert Celeriac("y").conf.task_default_queue == "celery"


def test_nothing_is_read_before_a_setting_is(folder):
    read = []

    def defaults():
        read.append(1)
        return {}

    app = Celeriac("x", config_source="no_such_module_at_all")
    app.add_defaults(defaults)
    app.conf.task_default_queue = "early"
    app.task(name="t")(lambda: None)
    assert not app.conf.configured
    assert read == []
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        _ = app.conf.task_default_queue
    app.config_from_object({"result_expires": 5})
    assert (app.conf.task_default_queue, app.conf.result_expires) == ("early", 5)
    assert len(read) >= 1


@pytest.mark.parametrize("ending", ["", ":Nested", ".Nested"])
def test_modules_and_what_is_in_them_are_found_by_name(module, ending):
    app = Celeriac("x")
    assert app.config_from_object(module + ending) is None
    assert app.conf.task_default_queue == ("nested" if ending else "module")
    assert app.conf.result_expires == (86400 if ending else 60)
    assert sys.path.count(str(Path.cwd())) <= 1
    assert ("mine" in app.conf, "helper" in app.conf, "_hidden" in app.conf) == (not ending, False, False)


def test_force_reads_at_once_and_silent_passes_over_what_is_not_there(folder):
    app = Celeriac("x")
    assert app.config_from_object({QUEUE: "q"}, force=True) is app.conf
    assert app.conf.configured
    assert app.config_from_object("nowhere_to_be_found", silent=True) is app.conf
    assert app.conf.task_default_queue == "celery"
    with pytest.raises(ModuleNotFoundError):
        Celeriac("x").config_from_object("nowhere_to_be_found", force=True)


def test_objects_and_classes(folder):
    class Config:
        task_default_queue = "class"
        result_expires = timedelta(hours=1)

    app = Celeriac("x")
    app.config_from_object(Config)
    assert (app.conf.task_default_queue, app.conf.result_expires) == ("class", 3600)
    app.config_from_object(SimpleNamespace(task_default_queue="object"))
    assert (app.conf.task_default_queue, app.conf.result_expires) == ("object", 86400)


def test_an_environment_variable_names_the_module(module, monkeypatch):
    app = Celeriac("x")
    with pytest.raises(ImproperlyConfigured, match="SHOP_SETTINGS is not set"):
        app.config_from_envvar("SHOP_SETTINGS")
    assert app.config_from_envvar("SHOP_SETTINGS", silent=True) is None
    monkeypatch.setenv("SHOP_SETTINGS", module)
    app.config_from_envvar("SHOP_SETTINGS")
    assert app.conf.task_default_queue == "module"


def test_django_settings_by_namespace(folder):
    settings = SimpleNamespace(
        CELERY_TASK_TIME_LIMIT=60,
        CELERY_BROKER_URL="memory://",
        CELERYD_CONCURRENCY=3,
        CELERY_TASK_RESULT_EXPIRES=7,
        CELERY_MAIL_QUEUE="mine",
        BROKER_POOL_LIMIT=10,
        TIME_ZONE="Europe/Paris",
        USE_TZ=True,
        SECRET_KEY="s",
        S3_BUCKET="theirs",
        IMPORTS="theirs",
        TASK_DEFAULT_QUEUE="theirs",
        DATABASES={},
    )
    app = Celeriac("x", namespace="CELERY")
    app.config_from_object(settings)
    conf = app.conf
    assert (conf.task_time_limit, conf.broker_url, conf.worker_concurrency, conf.result_expires) == (
        60,
        "memory://",
        3,
        7,
    )
    assert (conf.mail_queue, conf.timezone, conf.task_default_queue, conf.imports) == (
        "mine",
        "Europe/Paris",
        "celery",
        (),
    )
    assert "SECRET_KEY" not in conf
    settings.CELERY_TIMEZONE = "Asia/Tokyo"
    app.config_from_object(settings)
    assert app.conf.timezone == "Asia/Tokyo"
    settings.CELERY_TASK_TIME_LIMTI = 60
    with pytest.warns(SettingWarning, match="'CELERY_TASK_TIME_LIMTI', .* mean 'CELERY_TASK_TIME_LIMIT'"):
        app.config_from_object(settings, force=True)


@pytest.mark.parametrize("name", ["CELERY_SOFT_TIME_LIMIT", "CELERY_TASK_QUEUE", "CELERY_EAGER_PROPAGATES"])
def test_names_of_ones_own_in_the_namespace_may_look_like_settings(folder, name):
    app = Celeriac("x")
    app.config_from_object({name: 60, "CELERY_TASK_TIME_LIMIT": 90}, namespace="CELERY")
    with pytest.warns(SettingWarning, match=f"no setting is called '{name}', and it has no effect here; did you mean"):
        assert app.conf.task_time_limit == 90
    assert app.conf[name.removeprefix("CELERY_").lower()] == 60
    assert app.conf.task_soft_time_limit is None


class Lazy:
    """Settings of somebody else's, of which some cannot be read; what was read is noted."""

    CELERY_BROKER_URL = "memory://"
    CELERY_MINE = 5
    broker_url = "memory://"
    mine = 7

    def __init__(self):
        self.read = []

    def __getattribute__(self, name):
        if not name.startswith("_") and name != "read":
            self.read.append(name)
        return object.__getattribute__(self, name)

    @property
    def SECRET_KEY(self):
        raise RuntimeError("The SECRET_KEY setting must not be empty")

    @property
    def CELERY_EXPENSIVE(self):
        raise RuntimeError("not before it is needed")


@pytest.mark.filterwarnings("ignore::celeriac.exceptions.SettingWarning")
@pytest.mark.parametrize("namespace", ["CELERY", None])
def test_of_an_object_only_settings_are_read(folder, namespace):
    settings = Lazy()
    app = Celeriac("x")
    app.config_from_object(settings, namespace=namespace)
    assert app.conf.broker_url == "memory://"
    assert app.conf.mine == (5 if namespace else 7)
    assert set(settings.read) <= {"CELERY_BROKER_URL", "broker_url"}
    with pytest.raises(RuntimeError, match="not before"):
        _ = app.conf["expensive" if namespace else "CELERY_EXPENSIVE"]
    assert "not before it is needed" in app.conf.humanize()
    assert ("SECRET_KEY" in app.conf) == (not namespace)


def test_djangos_settings_need_no_secret_key(folder):
    """In a process of its own, since Django's settings are one for all."""
    program = (
        "from django.conf import settings\nfrom celeriac import Celeriac\n"
        "settings.configure(CELERY_TASK_TIME_LIMIT=3)\napp = Celeriac('x')\n"
        "app.config_from_object('django.conf:settings', namespace='CELERY')\nprint(app.conf.task_time_limit)"
    )
    done = with_django("-c", program)
    assert (done.stdout, done.stderr) == ("3\n", "")


def test_django_settings_under_celerys_old_names(folder):
    settings = SimpleNamespace(
        CELERYD_CONCURRENCY=3, BROKER_URL="memory://", TIME_ZONE="Europe/Paris", SECRET_KEY="s", DATABASES={}
    )
    app = Celeriac("x")
    app.config_from_object(settings)
    assert (app.conf.worker_concurrency, app.conf.broker_url, app.conf.timezone) == (3, "memory://", "Europe/Paris")
    assert (app.conf.SECRET_KEY, app.conf.table()["SECRET_KEY"]) == ("s", "********")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("worker_concurrency", "8", 8),
        ("worker_concurrency", "none", None),
        ("task_track_started", "yes", True),
        ("task_track_started", "0", False),
        ("result_expires", "1.5", 1.5),
        ("imports", "a, b", ("a", "b")),
        ("imports", '["a"]', ["a"]),
        ("broker_url", "memory://", "memory://"),
        ("task_routes", '{"a.*": {"queue": "a"}}', {"a.*": {"queue": "a"}}),
        ("task_routes", "shop.routes.route", "shop.routes.route"),
        ("broker_use_ssl", "true", True),
        ("broker_use_ssl", '{"ssl_cert_reqs": "none"}', {"ssl_cert_reqs": "none"}),
        ("worker_redirect_stdouts_level", "INFO", "INFO"),
        ("task_default_queue", "", "celery"),
    ],
)
def test_the_environment_is_read_by_the_type_of_the_setting(folder, monkeypatch, name, text, value):
    monkeypatch.setenv(f"CELERIAC_{name.upper()}", text)
    assert Celeriac("x").conf[name] == value


@pytest.mark.parametrize(
    ("variable", "text", "says"),
    [
        ("CELERIAC_WORKER_CONCURRENCY", "many", "CELERIAC_WORKER_CONCURRENCY cannot be read as worker_concurrency"),
        ("CELERIAC_TASK_TRACK_STARTED", "perhaps", "cannot be read as task_track_started. Write the state STARTED"),
        ("CELERIAC_SECURITY_KEY", "key.pem", "signed messages come later"),
    ],
)
def test_what_the_environment_cannot_mean_is_refused(folder, monkeypatch, variable, text, says):
    monkeypatch.setenv(variable, text)
    with pytest.raises(ImproperlyConfigured, match=says):
        _ = Celeriac("x").conf.broker_url


def test_a_variable_that_nearly_names_a_setting_says_so(folder, monkeypatch):
    monkeypatch.setenv("CELERIAC_BROKER_ULR", "x")
    with pytest.warns(SettingWarning, match="is called 'CELERIAC_BROKER_ULR', .* mean 'CELERIAC_BROKER_URL'"):
        _ = Celeriac("x").conf.broker_url


def test_other_variables_are_none_of_the_settings_business(folder, monkeypatch):
    for name in ("APP", "GRACE", "POOL", "DIR", "RUNTIME_DIR", "DEMO_BROKER", "AS_CELERY", "WORKER_LOGLEVEL"):
        if name != "DIR":
            monkeypatch.setenv(f"CELERIAC_{name}", "1")
    for name in ("WORKER_HOSTNAME", "WORKER_QUEUES", "WORKER_TIME_LIMIT", "WORKER_SOFT_TIME_LIMIT", "WORKER_LOG_LEVEL"):
        monkeypatch.setenv(f"CELERIAC_{name}", "1")
    assert Celeriac("x").conf.task_time_limit is None


def test_celerys_variables_are_read_below_ours(folder, monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "memory://theirs")
    assert Celeriac("x", broker="memory://code").conf.broker_url == "memory://theirs"
    monkeypatch.setenv("CELERIAC_BROKER_URL", "memory://ours")
    assert Celeriac("x").conf.broker_url == "memory://ours"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tool.celeriac]\nsecurity_key = 'x'\n", "signed messages come later"),
        ("[tool.celeriac\n", "pyproject.toml: "),
        ("[[tool.celeriac]]\n", r"\[tool.celeriac\] is no table"),
    ],
)
def test_mistakes_in_pyproject_are_refused(folder, text, says):
    (folder / "pyproject.toml").write_text(text)
    with pytest.raises(ImproperlyConfigured, match=says):
        _ = Celeriac("x").conf.broker_url


@pytest.mark.parametrize(
    "text",
    [
        '[tool.celeriac]\ntask_default_queue = "q"',
        ' [ tool . "celeriac" ]\ntask_default_queue = "q"',
        '[tool]\nceleriac = {task_default_queue = "q"}',
        '[tool]\nceleriac.task_default_queue = "q"',
    ],
)
def test_our_table_is_found_however_it_is_written(folder, text):
    (folder / "pyproject.toml").write_text(text)
    assert Celeriac("x").conf.task_default_queue == "q"


def test_a_pyproject_without_our_table_is_not_even_parsed(folder):
    (folder / "pyproject.toml").write_text(
        '[project]\ndependencies = [\n"celeriac"]\nceleriac = "celeriac:main"\n[this is no toml\n'
    )
    assert Celeriac("x").conf.task_default_queue == "celery"


def test_what_has_no_effect_is_said_wherever_it_comes_from(folder, monkeypatch):
    (folder / "pyproject.toml").write_text("[tool.celeriac]\nworker_prefetch_multiplier = 1\n")
    with pytest.warns(SettingWarning, match="worker_prefetch_multiplier has no effect here"):
        _ = Celeriac("x").conf.broker_url
