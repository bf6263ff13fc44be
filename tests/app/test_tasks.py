"""What a task is made of and called with: classes, shared tasks, annotations, eager calls, checked arguments."""

from __future__ import annotations

import dataclasses
import threading
from datetime import date
from types import ModuleType

import pytest
from pydantic import BaseModel

import celeriac
from celeriac import Celeriac, Queue, Task, current_app, current_task, shared_task
from celeriac.calls import apps
from celeriac.exceptions import (
    AlwaysEagerIgnored,
    Ignore,
    InvalidOption,
    MaxRetriesExceededError,
    NotRegistered,
    SettingWarning,
)
from celeriac.message.task import read_body, read_task


@pytest.fixture
def app():
    with Celeriac("tests", broker="memory://") as app:
        yield app


@pytest.fixture(autouse=True)
def _shared_here_only(monkeypatch):
    """What is shared would else be in the apps of all other tests."""
    monkeypatch.setattr(apps, "_shared", [])


@pytest.fixture
def eager():
    with Celeriac("tests", broker="memory://", task_always_eager=True) as app:
        yield app


# -- apps of a process ------------------------------------------------------------


def test_the_last_app_is_the_current_one_in_every_thread(app):
    assert current_app.main == "tests"
    assert isinstance(current_app, Celeriac)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(apps.get_current_app()))
    thread.start()
    thread.join()
    assert seen == [app]


def test_an_app_may_stay_in_the_background(app):
    with Celeriac("other", broker="memory://", set_as_current=False) as other:
        assert current_app == app
        other.set_current()
        assert current_app == other
    app.set_current()


def test_a_shared_task_is_in_apps_made_before_and_after(app):
    assert len(app.tasks) == len(dict(app.tasks))

    @shared_task(name="shared.double", max_retries=7)
    def double(x):
        return 2 * x

    with Celeriac("later", broker="memory://") as later:
        assert app.tasks["shared.double"].app is app
        assert later.tasks["shared.double"].app is later
        assert double.app is later
        app.set_current()
        assert (double.app, double.max_retries, double(4), double.name) == (app, 7, 8, "shared.double")
        assert isinstance(double, Task)


def test_a_task_that_is_not_shared_is_its_apps_alone(app):
    app.task(name="mine.alone")(lambda: 1)
    app.task(name="everybodys", shared=True)(lambda: 1)
    with Celeriac("later", broker="memory://") as later:
        assert "everybodys" in later.tasks
        with pytest.raises(NotRegistered, match=r"mine\.alone"):
            later.tasks["mine.alone"]


def test_without_autofinalize_tasks_wait_for_finalize():
    with Celeriac("strict", broker="memory://", autofinalize=False) as app:
        task = app.task(name="t")(lambda: 1)
        with pytest.raises(RuntimeError, match="not finalized"):
            task.delay()
        app.finalize()
        assert task.delay().id


def test_registry_forgets(app):
    task = app.task(name="t")(lambda: 1)
    app.tasks.unregister(task)
    assert "t" not in app.tasks
    with pytest.raises(NotRegistered):
        app.tasks.unregister("t")


# -- finding tasks ------------------------------------------------------------------


@pytest.fixture
def packages(tmp_path, monkeypatch):
    for name, text in {
        "shop_a/__init__.py": "",
        "shop_a/tasks.py": "from celeriac import shared_task\n@shared_task\ndef pay(): ...\n",
        "shop_a/jobs.py": "FOUND = True\n",
        "shop_b/__init__.py": "",
        "shop_c/__init__.py": "",
        "shop_c/tasks.py": "import not_there_at_all\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    known = set(__import__("sys").modules)
    yield
    for name in set(__import__("sys").modules) - known:
        del __import__("sys").modules[name]


def test_tasks_of_packages_are_found_when_modules_are_imported(app, packages):
    app.autodiscover_tasks(lambda: ["shop_a", "shop_b"])
    assert "shop_a.tasks.pay" not in app.tasks
    app.import_default_modules()
    assert "shop_a.tasks.pay" in app.tasks


def test_tasks_of_packages_are_found_at_once(app, packages):
    app.autodiscover_tasks(["shop_b", "shop_a.Config"], related_name="jobs", force=True)
    assert isinstance(__import__("sys").modules["shop_a.jobs"], ModuleType)


def test_a_module_with_tasks_that_cannot_be_imported_says_so(app, packages):
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        app.autodiscover_tasks(["shop_c"], force=True)
    with pytest.raises(ModuleNotFoundError, match="shop_z"):
        app.autodiscover_tasks(["shop_z"], force=True)
    with pytest.warns(SettingWarning, match="finds those of Django, and DJANGO_SETTINGS_MODULE is not"):
        app.autodiscover_tasks(force=True)


# -- classes -------------------------------------------------------------------------


class Counting(Task):
    queue = "counting"
    max_retries = 9

    def __init__(self):
        self.seen = []

    def on_success(self, retval, task_id, args, kwargs):
        self.seen.append(retval)


def test_a_task_class_has_an_init_attributes_and_hooks(app):
    task = app.task(base=Counting, bind=True, name="counted", unit="pieces")(lambda self, x: x + len(self.seen))
    assert (task.queue, task.max_retries, task.unit, task.seen) == ("counting", 9, "pieces", [])
    assert [task.apply((1,)).get(), task.apply((1,)).get()] == [1, 2]
    assert task.seen == [1, 2]


def test_the_class_of_all_tasks(packages):
    for kind in (Counting, f"{__name__}:Counting"):
        __import__("sys").modules.setdefault(__name__, ModuleType(__name__)).__dict__.setdefault("Counting", Counting)
        with Celeriac("tests", broker="memory://", task_cls=kind) as app:
            assert app.task(name="t")(lambda: 1).queue == "counting"
            assert issubclass(app.Task, Task)


def test_a_class_with_run_is_registered(app):
    class Add(app.Task):  # type: ignore[misc, name-defined]
        name = "class.add"

        def __init__(self):
            self.base = 10

        def run(self, x, y=0):
            return self.base + x + y

    add = app.register_task(Add())
    assert app.tasks["class.add"] is add
    assert (add(1), add.apply((1, 2)).get(), add.app) == (11, 13, app)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        add.delay()


# -- annotations ---------------------------------------------------------------------


class Annotator:
    def annotate(self, task):
        return {"priority": 4} if task.name.startswith("a") else None

    def annotate_any(self):
        return {"max_retries": 1}


@pytest.mark.parametrize(
    "setting",
    [
        {"a": {"priority": 4}, "*": {"max_retries": 1}},
        Annotator(),
        [{"other": {"priority": 9}}, Annotator()],
        [lambda task: {"priority": 4} if task.name == "a" else None, {"*": {"max_retries": 1}}],
    ],
)
def test_settings_give_tasks_attributes(setting):
    with Celeriac("tests", broker="memory://", task_annotations=setting) as app:
        early = app.task(name="a")(lambda: 1)
        late = app.task(name="b")(lambda: 1)
        assert (app.tasks["a"].priority, app.tasks["b"].priority) == (4, None)
        assert early.options["priority"] == 4
        assert (early.max_retries, late.max_retries) == (1, 1)


def test_an_annotation_may_be_around_a_method(app):
    app.conf.task_annotations = {"a": {"@__call__": lambda call: lambda *args: call(*args) * 100}}
    task = app.task(name="a")(lambda x: x)
    app.finalize()
    assert task.apply((2,)).get() == 200


# -- arguments -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "kwargs", "problem"),
    [((), {}, "'x'"), ((1, 2, 3), {}, "takes"), ((1,), {"z": 1}, "'z'"), ((1,), {"x": 2}, "multiple values")],
)
def test_arguments_are_checked_where_a_task_is_called(app, args, kwargs, problem):
    @app.task(bind=True)
    def add(self, x, y=1, *, loud=False): ...

    for call in (lambda: add.delay(*args, **kwargs), lambda: add.apply_async(args, kwargs)):
        with pytest.raises(TypeError, match=problem) as error:
            call()
        assert "add()" in str(error.value)
    assert add.delay(1, loud=True).id


def test_checks_may_be_off(app):
    assert app.task(name="t", typing=False)(lambda x: x).delay(1, 2, 3).id
    with Celeriac("loose", broker="memory://", strict_typing=False) as loose:
        assert loose.task(name="t")(lambda x: x).delay().id


class LaunchSpec(BaseModel):
    id: int
    day: date


def test_pydantic_models_come_and_go_as_their_fields(app, eager):
    seen = []

    def book(order: LaunchSpec, note: str = "", before: LaunchSpec | None = None) -> LaunchSpec:
        seen.append((order, before))
        return order

    task = app.task(pydantic=True, name="book")(book)
    _, message = app.sender.message(
        task._first_call()._caller._checked((LaunchSpec(id=1, day=date(2030, 1, 2)),), {"note": "x"}, {})
    )
    args, kwargs, _ = read_body(read_task(message.raw))
    assert (args, kwargs) == ([{"id": 1, "day": "2030-01-02"}], {"note": "x"})
    result = eager.task(pydantic=True, name="book")(book).delay({"id": 3, "day": "2030-01-02"}, before=None)
    assert result.get() == {"id": 3, "day": "2030-01-02"}
    assert seen == [(LaunchSpec(id=3, day=date(2030, 1, 2)), None)]


def test_strict_models_and_their_context(eager):
    class Seen(BaseModel):
        id: int

        def model_post_init(self, context):
            told.append(context)

    told: list[object] = []

    def strict(order: Seen): ...

    strict.__annotations__["order"] = Seen
    task = eager.task(pydantic=True, pydantic_strict=True, pydantic_context={"a": 1}, name="strict")(strict)
    assert task.delay({"id": "3"}).failed()
    assert task.delay({"id": 3}).successful()
    assert told == [{"a": 1, "celery_app": eager, "celery_task_name": "strict"}]


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


def test_plain_types_are_checked_on_both_sides(eager):
    @eager.task(validate=True)
    def move(point: Point, day: date, *names: str, factor: float = 1) -> Point:
        assert isinstance(day, date)
        return Point(int(point.x * factor), point.y)

    assert move.delay(Point(1), date(2030, 1, 1), "a", factor=3).get() == {"x": 3, "y": 0}
    assert move.delay({"x": 1}, "2030-01-01").get() == {"x": 1, "y": 0}
    for args, problem in (
        (({"x": "1"}, "2030-01-01"), "'point' does not fit"),
        (({"x": 1}, "soon"), "'day' does not fit"),
        (({"x": 1}, "2030-01-01", 3), "'names' does not fit"),
    ):
        with pytest.raises(TypeError, match=problem):
            move.delay(*args)


def test_a_result_of_another_type_is_a_failure(eager):
    @eager.task(validate=True)
    def count() -> int:
        return "three"  # type: ignore[return-value]

    result = count.delay()
    assert result.failed()
    assert "the result does not fit" in str(result.result)


# -- eager calls ---------------------------------------------------------------------


def test_apply_runs_here_with_a_request(app):
    @app.task(bind=True, name="look")
    def look(self):
        assert current_task.name == "look"
        request = self.request
        return request.id, request.is_eager, request.called_directly, request.my_header, request.idempotency_key

    result = look.apply(task_id="one", headers={"my_header": 3})
    assert result.get() == ("one", True, False, 3, "one")
    assert (result.state, result.ready()) == ("SUCCESS", True)
    assert not current_task


@pytest.mark.parametrize("policy", [{}, {"autoretry_for": (KeyError,), "retry_backoff": True}])
def test_retries_run_at_once(app, policy):
    @app.task(bind=True, max_retries=2, **policy)
    def fail(self):
        runs.append((self.request.retries, self.request.fence))
        if policy:
            raise KeyError("x")
        self.retry(countdown=100)

    runs: list[tuple[int, int]] = []
    result = fail.apply()
    assert runs == [(0, 0), (1, 1 << 32), (2, 2 << 32)]
    assert isinstance(result.result, KeyError if policy else MaxRetriesExceededError)


def test_errors_are_kept_or_raised(eager):
    @eager.task
    def fail(error):
        raise {"key": KeyError("x"), "ignore": Ignore()}[error]

    result = fail.delay("key")
    assert (result.state, "KeyError" in (result.traceback or "")) == ("FAILURE", True)
    assert fail.delay("ignore").state == "IGNORED"
    with pytest.raises(KeyError):
        fail.apply(("key",), throw=True)
    eager.conf.task_eager_propagates = True
    with pytest.raises(KeyError):
        fail.delay("key")


async def _double(x):
    return 2 * x


def test_coroutines_run_too_even_in_a_loop(eager):
    import asyncio

    task = eager.task(name="double")(_double)

    async def inside():
        return (await task.adelay(4)).get(), task.delay(5).get()

    assert task.delay(3).get() == 6
    assert asyncio.run(inside()) == (8, 10)


def test_eager_arguments_pass_through_the_serializer(eager):
    task = eager.task(name="same")(lambda x: x)
    assert task.delay((1, 2)).get() == [1, 2]
    assert task.apply(((1, 2),)).get() == (1, 2)
    with pytest.raises(TypeError):
        task.delay(object())


def test_send_task_sends_all_the_same(eager):
    with pytest.warns(AlwaysEagerIgnored):
        eager.send_task("anything")


# -- options -------------------------------------------------------------------------


def test_options_of_workflows_say_that_they_come_later(app):
    task = app.task(name="t")(lambda: 1)
    for name in ("link", "link_error", "chain", "chord"):
        with pytest.raises(InvalidOption, match="later"):
            task.apply_async(**{name: [1]})
        assert task.apply_async(**{name: None}).id
    with pytest.raises(ValueError, match="soft_time_limit must be less"):
        task.apply_async(time_limit=1, soft_time_limit=2)


def test_options_about_connections_mean_nothing(app):
    task = app.task(name="t")(lambda: 1)
    result = task.apply_async(retry=True, retry_policy={"max_retries": 3}, connection=None, queue=Queue("q"))
    assert result.id


def test_request_of_a_test(app):
    task = app.task(bind=True, name="t")(lambda self: self.request.id)
    task.push_request(id="pushed", retries=2)
    assert (task(), task.request.retries) == ("pushed", 2)
    task.pop_request()
    assert task() is None
    assert task.request.get("nothing", 3) == 3


def test_the_top_level_names():
    assert {"shared_task", "current_app", "current_task", "Queue", "Exchange"} <= set(celeriac.__all__)
