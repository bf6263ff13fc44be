"""The front door: names of tasks, options, settings, where the file of the default store is."""

from __future__ import annotations

import runpy
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

import celeriac
from celeriac import Celeriac, Celery
from celeriac.calls import options as call_options
from celeriac.exceptions import EncodeError, ImproperlyConfigured, NotRegistered, OptionWarning, SettingWarning
from celeriac.message.task import read_body
from celeriac.stores.contract import Enqueue, Message, Stats
from celeriac.stores.sqlite import SQLiteStore
from tests.peek import waiting


@pytest.fixture
def app():
    with Celeriac("tests", broker="memory://") as app:
        yield app


def test_celery_is_another_name_of_celeriac():
    assert Celery is Celeriac
    assert celeriac.Celery is celeriac.Celeriac


# -- names ----------------------------------------------------------------------


def test_task_is_named_after_its_module_and_function(app):
    @app.task
    def add(x, y):
        return x + y

    assert add.name == f"{__name__}.add"
    assert app.tasks[add.name] is add
    assert repr(add).startswith(f"<@task: {add.name} of tests at 0x")
    assert add.__name__ == "add"


def test_name_may_be_given(app):
    @app.task(name="sums.add")
    def add(x, y):
        """Add up."""
        return x + y

    assert list(app.tasks) == ["sums.add"]
    assert (add(2, 3), add.__doc__) == (5, "Add up.")


@pytest.mark.parametrize(("main", "name"), [("'shop'", "shop.pay"), ("None", "__main__.pay")])
def test_task_of_the_main_module_is_named_after_the_app(tmp_path, main, name):
    script = tmp_path / "anything.py"
    script.write_text(
        f"from celeriac import Celeriac\napp = Celeriac({main})\n@app.task\ndef pay(): ...\nprint(pay.name)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{name}\n"


def test_second_task_of_a_name_is_the_first_one(app):
    def add(x, y):
        return x + y

    assert app.task(add) is app.task(add)


def test_find_task_by_name(app):
    task = app.task(name="known")(lambda: 1)
    assert app.find_task("known") is task
    with pytest.raises(NotRegistered, match="unknown"):
        app.find_task("unknown")


# -- what is sent ---------------------------------------------------------------


def test_task_that_is_not_known_here_can_be_sent(app):
    result = app.send_task("elsewhere.add", (1, 2), {"z": 3}, queue="far", task_id="some-id", priority=6)
    (message,) = waiting(app.store, "far")
    assert result.id == message.headers.id == "some-id"
    assert message.headers.task == result.task_name == "elsewhere.add"
    assert message.properties.priority == 6
    assert read_body(message)[:2] == ([1, 2], {"z": 3})


def test_options_of_a_task_are_those_of_all_its_calls(app):
    @app.task(queue="slow", priority=3, expires=60, time_limit=30, soft_time_limit=20, ignore_result=True)
    def work(): ...

    work.delay()
    app.send_task(work.name)
    work.delay_many([()])
    work.apply_async(queue="other", time_limit=None)
    first, second, third = waiting(app.store, "slow")
    for message in (first, second, third):
        headers = message.headers
        assert (headers.timelimit, headers.ignore_result, message.properties.priority) == ([30, 20], True, 3)
        assert datetime.fromisoformat(headers.expires or "") > datetime.now(UTC) + timedelta(seconds=50)
    (message,) = waiting(app.store, "other")
    assert message.headers.timelimit == [None, 20]


def test_what_a_task_does_not_say_comes_from_the_settings(app):
    app.conf.update(task_default_queue="main", task_default_priority=9, task_ignore_result=True)
    task = app.task(lambda: None)
    task.delay()
    task.apply_async(ignore_result=False, priority=0)
    first, second = waiting(app.store, "main")
    assert (first.properties.priority, first.headers.ignore_result) == (0, False)
    assert (second.properties.priority, second.headers.ignore_result) == (9, True)


def test_value_that_cannot_be_sent_is_refused_and_nothing_is_enqueued(app):
    task = app.task(lambda value: None)
    for send in (task.delay, lambda value: task.delay_many([(value,)])):
        with pytest.raises(EncodeError) as refused:
            send(object())
        assert isinstance(refused.value, TypeError)
    assert app.store.run(Stats()) == ()
    task.delay({"price": Decimal("1.20"), "when": datetime.now(UTC)})
    assert len(waiting(app.store, "celery")) == 1


def test_many_calls_keep_their_order_and_ids(app):
    task = app.task(lambda number: number)
    results = task.delay_many((number,) for number in range(1234))
    messages = waiting(app.store, "celery")
    assert [message.headers.id for message in messages] == [result.id for result in results]
    assert [read_body(message)[0] for message in messages] == [[number] for number in range(1234)]
    assert task.delay_many([]) == []


def test_call_made_with_the_same_id_again_is_one_task(app):
    task = app.task(lambda: None)
    for _ in range(2):
        assert task.apply_async(task_id="twice").id == "twice"
    assert len(waiting(app.store, "celery")) == 1


# -- mistakes -------------------------------------------------------------------


@pytest.mark.parametrize("option", ["que", "routing", "max_retry"])
def test_an_option_of_a_task_that_looks_misspelt_warns_by_name_and_is_kept(app, option):
    with pytest.warns(OptionWarning, match=f"{option}.*did you mean") as said:
        task = app.task(**{option: 1})(lambda: None)
    assert getattr(task, option) == 1
    assert [warning.filename for warning in said] == [__file__]


@pytest.mark.parametrize("option", ["unique", "breaker", "batch", "concurrency"])
def test_an_option_of_a_later_version_warns_by_name(app, option):
    with pytest.warns(OptionWarning, match=f"{option} comes in a later version"):
        app.task(**{option: True})(lambda: None)


def test_an_option_of_a_call_that_nobody_knows_warns_once_by_name(app):
    task = app.task(lambda: None)
    for send in (task.apply_async, lambda **options: app.send_task("any", **options)):
        call_options._warn_of.cache_clear()
        with pytest.warns(OptionWarning, match="'cuontdown'.*did you mean 'countdown'") as said:
            assert send(cuontdown=3).id
        assert [warning.filename for warning in said] == [__file__]
        assert send(cuontdown=4).id
    with pytest.warns(OptionWarning, match="MessageGroupId.*no such property"):
        assert task.apply_async(MessageGroupId="1").id


@pytest.mark.parametrize(
    ("setting", "suggestion"),
    [
        ("result_expire", "result_expires"),
        ("brokr_url", "broker_url"),
        ("task_ack_late", "task_acks_late"),
        ("TASK_ACKS_LATE", "task_acks_late"),
    ],
)
def test_setting_that_is_nearly_one_says_the_right_name(setting, suggestion):
    with pytest.warns(SettingWarning, match=f"did you mean '{suggestion}'"):
        Celeriac("tests").conf[setting] = 1


@pytest.mark.parametrize(
    ("setting", "value"),
    [("result_expires", "soon"), ("worker_concurrency", 1.5), ("task_track_started", 2), ("task_default_queue", None)],
)
def test_setting_of_the_wrong_type_is_refused(setting, value):
    with pytest.raises(ImproperlyConfigured, match=setting):
        Celeriac("tests").conf.update({setting: value})


def test_setting_that_is_like_no_other_is_kept_for_add_ons():
    app = Celeriac("tests", flower_port=5555)
    assert app.conf.flower_port == app.conf["flower_port"] == 5555
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = app.conf.nothing_like_it


def test_old_names_of_celery_set_the_same_settings():
    app = Celeriac("tests", BROKER_URL="memory://", CELERY_IGNORE_RESULT=True)
    assert (app.conf.broker_url, app.conf.task_ignore_result) == ("memory://", True)


def test_url_of_no_known_store_is_refused_at_first_use():
    app = Celeriac("tests", broker="carrier-pigeon://loft")
    with pytest.raises(ImproperlyConfigured, match="carrier-pigeon"):
        app.task(lambda: None).delay()


# -- the file of the default store ----------------------------------------------


def broker_of(module):
    """The broker's URL of the app that a module makes with nothing but its name."""
    module.parent.mkdir(parents=True, exist_ok=True)
    module.write_text("from celeriac import Celeriac\napp = Celeriac('shop')\n")
    return runpy.run_path(str(module))["app"].broker_url()


@pytest.mark.parametrize("mark", ["pyproject.toml", "manage.py", ".git"])
def test_default_store_is_a_file_at_the_root_of_the_project(tmp_path, monkeypatch, mark):
    monkeypatch.chdir("/")
    (tmp_path / mark).touch()
    assert broker_of(tmp_path / "shop" / "jobs" / "app.py") == f"sqlite:///{tmp_path}/.celeriac/tasks.db"


def test_nearest_root_counts(tmp_path):
    (tmp_path / ".git").mkdir()
    inner = tmp_path / "services" / "shop"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").touch()
    assert broker_of(inner / "app.py") == f"sqlite:///{inner}/.celeriac/tasks.db"
    assert broker_of(tmp_path / "services" / "app.py") == f"sqlite:///{tmp_path}/.celeriac/tasks.db"


def test_celeriac_dir_decides_before_anything_else(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").touch()
    data = tmp_path / "data"
    monkeypatch.setenv("CELERIAC_DIR", str(data))
    assert broker_of(tmp_path / "shop" / "app.py") == f"sqlite:///{data}/.celeriac/tasks.db"


@pytest.mark.parametrize("ours", [True, False])
def test_a_database_where_the_default_once_was_goes_on_to_be_used(tmp_path, ours):
    (tmp_path / "pyproject.toml").touch()
    before = tmp_path / "tasks.db"
    if ours:
        store = SQLiteStore(before)
        store.run(Enqueue((Message("m1", "celery", b"{}"),)))
        store.close()
    else:
        before.write_bytes(b"SQLite format 3\0" + bytes(4000))
    url = broker_of(tmp_path / "app.py")
    assert url == (f"sqlite:///{before}" if ours else f"sqlite:///{tmp_path}/.celeriac/tasks.db")


def test_the_default_store_is_one_folder_that_git_does_not_see(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").touch()
    module = tmp_path / "app.py"
    module.write_text("from celeriac import Celeriac\napp = Celeriac('shop')\n")
    app = runpy.run_path(str(module))["app"]
    app.send_task("anything")
    app.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".celeriac", "app.py", "pyproject.toml"]
    assert (tmp_path / ".celeriac" / ".gitignore").read_text() == "*\n"


def test_path_of_a_store_may_be_absolute(tmp_path):
    url = f"sqlite:///{tmp_path}/elsewhere.db"
    assert Celeriac("tests", broker=url).broker_url() == url
