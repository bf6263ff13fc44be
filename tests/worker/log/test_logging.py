"""The log of real workers: what is in it, and that it holds nobody up."""

from __future__ import annotations

import json
import os
import re
import select
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from celeriac.calls.sender import Call
from celeriac.exceptions import SettingWarning
from celeriac.result import gather
from celeriac.stores import contract as c
from tests.worker.ledger import wait_until
from tests.worker.process import Worker
from tests.worker.scene import Scene

pytestmark = pytest.mark.slow

APP = "tests.worker.logging_tasks"
STAMP = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: "


@pytest.fixture
def scene(redis_url: str, tmp_path: Path) -> Iterator[Scene]:
    """A scene on Redis: the log does not depend on the store."""
    with Scene(redis_url, tmp_path) as scene:
        yield scene


def start(scene: Scene, *options: str, config: dict[str, Any] | None = None, **settings: Any) -> Worker:
    """A worker of two children whose app logs; `config` is what the app gives to `logging.config`."""
    environment = {"LOG_SETTINGS": json.dumps(settings)}
    if config is not None:
        environment["LOG_CONFIG"] = json.dumps({"version": 1, **config})
    return scene.ready_worker(2, *options, app=APP, environment=environment)


def lines_after(scene: Scene, worker: Worker, *tasks: tuple[Any, ...]) -> list[str]:
    """Run these tasks, end the worker, and return its log."""
    gather([scene.send(name, *arguments) for name, *arguments in tasks], timeout=20)
    assert worker.stop() == 0
    return worker.log.read_text().splitlines()


def test_a_log_that_nobody_reads_holds_nobody_up(scene: Scene) -> None:
    """Standard error is a pipe that is full after 64 KiB: 20,000 tasks say twenty times as much."""
    pipe = scene.folder / "worker0.log"
    os.mkfifo(pipe)
    source = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    worker = start(scene)
    core = worker.core
    results = scene.send_many("say", [(number,) for number in range(20_000)])
    assert gather(results, timeout=50) == list(range(20_000))
    assert worker.core == core
    leases = scene.leases()
    text = b""
    while not re.search(rb"\] \d+ log records of this process were lost", text):
        # Said with the next record for which there is room; the one before may have come too early for that.
        assert scene.send("say", 20_000).get(timeout=10) == 20_000
        while select.select([source], [], [], 0.2)[0]:
            text += os.read(source, 1 << 20)
    assert scene.leases() == leases
    os.close(source)
    assert worker.stop() == 0


def test_a_worker_ends_whether_its_log_is_read_or_not(scene: Scene) -> None:
    pipe = scene.folder / "worker0.log"
    os.mkfifo(pipe)
    source = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    worker = start(scene)
    gather(scene.send_many("say", [(number,) for number in range(1000)]), timeout=20)
    assert worker.stop(10) == 0
    os.close(source)


@pytest.mark.parametrize("size", [10, 20_000])
def test_what_a_child_said_before_it_was_killed_is_there(scene: Scene, size: int) -> None:
    worker = start(scene)
    scene.send("last_words", size)
    words = f"last words {'y' * size}."
    wait_until(lambda: worker.said(words), 10, "last words of the child")


def test_what_was_said_when_the_core_was_killed_is_there(scene: Scene) -> None:
    worker = start(scene)
    scene.send("kill_core", worker.core)
    worker.wait()
    assert worker.said("the core is gone")


def test_at_an_orderly_end_every_line_is_there(scene: Scene) -> None:
    worker = start(scene)
    lines = lines_after(scene, worker, *[("say", number) for number in range(500)], ("say_many", 5000))
    for words in ("plain", "task", "printed"):
        assert sum(f": {words} " in line for line in lines) == 500
    assert [line.rpartition(" ")[2] for line in lines if ": line " in line] == [str(n) for n in range(5000)]
    assert sum(line.endswith("received") for line in lines) == 501
    assert sum("succeeded in" in line for line in lines) == 501
    assert "stopped; 501 runs of tasks" in lines[-1]


def test_the_default_format_names_the_task_whatever_the_logger(scene: Scene) -> None:
    result = scene.send("say", 7)
    lines = lines_after(scene, start(scene), ("say", 8))
    prefix = STAMP + r"%s/ForkPoolWorker-\d\] say\[" + result.id + r"\]: "
    for level, words in (("INFO", "plain 7"), ("INFO", "task 7"), ("WARNING", "printed 7")):
        assert sum(bool(re.fullmatch(prefix % level + words, line)) for line in lines) == 1
    received = rf"{STAMP}INFO/MainProcess\] Task say\[{result.id}\] received"
    assert sum(bool(re.fullmatch(received, line)) for line in lines) == 1


def test_formats_of_the_settings_are_used(scene: Scene) -> None:
    worker = start(
        scene,
        worker_log_format="W %(levelname)s %(message)s %(asctime)s",
        worker_log_datefmt="%Y",
        worker_task_log_format="T %(task_name)s %(message)s %(asctime)s",
        worker_task_log_datefmt="then",
    )
    lines = lines_after(scene, worker, ("say", 1))
    assert "T say plain 1 then" in lines
    assert "T say task 1 then" in lines
    assert any(re.fullmatch(r"W INFO Task say\[\S+\] received \d{4}", line) for line in lines)


def test_json_lines_have_all_their_fields_and_coroutines_their_own_ids(scene: Scene) -> None:
    worker = start(scene, "--log-format", "json", "-f", str(scene.folder / "%n.json"))
    results = {scene.send("say_async", number).id: number for number in range(40)}
    lines_after(scene, worker, ("say", 99), *[("say_async", number) for number in range(40, 50)])
    rows = [json.loads(line) for line in (scene.folder / "w0.json").read_text().splitlines()]
    assert worker.log.read_bytes() == b""
    said = [row for row in rows if row["message"].startswith("async") and row["task_id"] in results]
    assert len(said) == 160
    assert all(row["message"] == f"async {results[row['task_id']]}" for row in said)
    assert {row["task_name"] for row in said} == {"say_async"}
    succeeded = {row["task_id"] for row in rows if "succeeded" in row["message"]}
    assert succeeded > results.keys()
    assert all(
        row["message"].startswith(f"Task {row['task_name']}[{row['task_id']}] ")
        for row in rows
        if row["logger"] == "celeriac.worker" and "task_id" in row
    )


CONFIG = {
    "formatters": {"own": {"format": "own %(name)s %(message)s"}},
    "handlers": {"own": {"class": "logging.StreamHandler", "formatter": "own"}},
    "root": {"handlers": ["own"], "level": "INFO"},
}


def test_an_app_that_set_up_the_root_logger_keeps_it(scene: Scene) -> None:
    lines = lines_after(scene, start(scene, config=CONFIG), ("say", 1))
    assert "own plain plain 1" in lines
    assert f"own {APP} task 1" in lines
    assert "own celeriac.redirected printed 1" in lines
    assert sum("plain 1" in line for line in lines) == 1


def test_asked_to_the_worker_takes_the_root_logger_over(scene: Scene) -> None:
    lines = lines_after(scene, start(scene, config=CONFIG, worker_hijack_root_logger=True), ("say", 1))
    assert not [line for line in lines if line.startswith("own")]
    assert sum(line.endswith(": plain 1") for line in lines) == 1


@pytest.mark.parametrize("level", ["WARNING", "INFO"])
def test_told_to_leave_the_handlers_the_worker_gives_the_root_logger_its_level(scene: Scene, level: str) -> None:
    config = {**CONFIG, "root": {"handlers": ["own"], "level": "ERROR"}}
    worker = start(scene, "-l", level, config=config, worker_hijack_root_logger=False)
    lines = lines_after(scene, worker, ("say", 1))
    assert ("own plain plain 1" in lines) == (level == "INFO")
    assert "own celeriac.redirected printed 1" in lines


def test_told_to_leave_the_handlers_the_worker_gives_its_own_where_there_is_none(scene: Scene) -> None:
    lines = lines_after(scene, start(scene, worker_hijack_root_logger=False), ("say", 1))
    for words in ("plain 1", "task 1", "printed 1"):
        assert sum(line.endswith(f": {words}") for line in lines) == 1


def test_prints_are_left_alone_when_told_so(scene: Scene) -> None:
    lines = lines_after(scene, start(scene, worker_redirect_stdouts=False), ("say", 1))
    assert not [line for line in lines if "printed 1" in line]  # the worker's standard output goes nowhere here


def test_prints_have_the_level_that_was_asked_for(scene: Scene) -> None:
    lines = lines_after(scene, start(scene, worker_redirect_stdouts_level="ERROR"), ("say", 1))
    assert sum("ERROR/ForkPoolWorker" in line and line.endswith("printed 1") for line in lines) == 1


def test_a_record_of_a_megabyte_is_cut_and_says_so(scene: Scene) -> None:
    worker = start(scene)
    lines = lines_after(scene, worker, ("say_much", 200_000), ("say_much", 1_000_000))
    whole, part = sorted((line for line in lines if "<xxx" in line), key=lambda line: "[cut" in line)
    assert whole.endswith("x" * 200_000 + ">")
    assert re.fullmatch(r"\[cut: 1000\d\d\d bytes\]", part.rpartition("x... ")[2])
    assert part.count("x") > 200_000


def test_a_record_that_cannot_be_formatted_is_told_and_harms_nobody(scene: Scene) -> None:
    lines = lines_after(scene, start(scene), ("break_format",))
    (told,) = [line for line in lines if "cannot be formatted" in line]
    assert "logging_tasks.py:" in told
    assert any(line.startswith("TypeError: ") for line in lines)


def test_above_info_a_worker_says_nothing_of_tasks(scene: Scene) -> None:
    lines = lines_after(scene, start(scene, "-l", "ERROR"), ("say", 1))
    assert lines == []


@pytest.mark.parametrize(
    "options",
    [("-P", "threads"), ("-P", "asyncio"), ("-P", "gevent"), ("-P", "solo"), ("--start-method", "spawn")],
    ids=lambda options: options[1],
)
def test_records_name_their_own_task_in_every_pool(scene: Scene, options: tuple[str, str]) -> None:
    worker = scene.worker("-c", "4", *options, "--log-format", "json", app=APP)
    results = scene.send_many("say", [(number,) for number in range(40)])
    results += scene.send_many("say_async", [(number,) for number in range(40)])
    gather(results, timeout=30)
    assert worker.stop() == 0
    expected = {result.id: number % 40 for number, result in enumerate(results)}
    rows = [json.loads(line) for line in worker.log.read_text().splitlines()]
    said = [(row["task_id"], row["message"]) for row in rows if row["logger"] != "celeriac.worker"]
    assert len(said) == 40 * 3 + 40 * 4
    assert all(message.endswith(f" {expected[id]}") for id, message in said)
    assert {row["task_id"] for row in rows if "succeeded" in row["message"]} == expected.keys()


def test_half_a_line_is_logged_when_its_child_ends(scene: Scene) -> None:
    worker = start(scene)
    scene.send("print_half").get(timeout=10)
    assert not worker.said("half a line")
    worker.tell(signal.SIGHUP)
    wait_until(lambda: worker.said("]: half a line\n"), 20, "half a line of a child that was replaced")


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_lines_about_a_task_stand_in_the_order_of_its_life(scene: Scene, pool: str) -> None:
    worker = scene.worker("-c", "2", "-P", pool, app=APP)
    names = ("fail", "fail_async", "again", "say")
    results = [scene.send(name, *([1] if name == "say" else [])) for _ in range(25) for name in names]
    for result in results:
        result.get(timeout=30, propagate=False)
    assert worker.stop() == 0
    lives: dict[str, list[str]] = {result.id: [] for result in results}
    for line in worker.log.read_text().splitlines():
        found = re.search(r"Task \S+\[(\S+)\] (received|succeeded|raised|retry)", line)
        # Where a child stands still for a moment, what it has not begun goes back and comes in again.
        if found is not None and [*lives[found[1]][-1:], found[2]] != ["received", "received"]:
            lives[found[1]].append(found[2])
    ends = {
        "fail": ["received", "raised"],
        "fail_async": ["received", "raised"],
        "again": ["received", "retry", "received", "succeeded"],
        "say": ["received", "succeeded"],
    }
    assert list(lives.values()) == [ends[name] for name in names] * 25


def test_a_hard_time_limit_is_told_once_and_a_death_with_the_task(scene: Scene) -> None:
    worker = start(scene)
    late, deadly = scene.send("over_time"), scene.send("kill_child")
    for result in (late, deadly):
        result.get(timeout=20, propagate=False)
    assert worker.stop() == 0
    lines = worker.log.read_text().splitlines()
    assert sum(f"Hard time limit (0.2s) exceeded for over_time[{late.id}]" in line for line in lines) == 1
    assert sum(f"over_time[{late.id}] raised" in line for line in lines) == 1
    deaths = [line for line in lines if re.search(r"child \d+ died", line)]
    assert len(deaths) == 3
    assert all(re.search(r"\(signal 9 \(SIGKILL\), \d+ MiB\)", line) for line in deaths)
    assert all(line.endswith(f"it was running kill_child[{deadly.id}]") for line in deaths)


def test_tracebacks_begin_in_the_task_and_at_debug_with_us(scene: Scene) -> None:
    for level, ours in (("INFO", False), ("DEBUG", True)):
        worker = start(scene, "-l", level)
        results = [scene.send(name) for name in ("fail", "fail_async")]
        for result in results:
            result.get(timeout=20, propagate=False)
            assert ("executor.py" in str(result.traceback)) is ours
            assert "logging_tasks.py" in str(result.traceback)
        assert worker.stop() == 0
        lines = worker.log.read_text().splitlines()
        firsts = [after for line, after in pairwise(lines) if line.startswith("Traceback ")]
        assert len(firsts) == 2
        assert all(("executor.py" in first) is ours for first in firsts)
        assert [line for line in lines if line == "ValueError: at once"] == ["ValueError: at once"] * 2


FORGED = "[2026-01-01 00:00:00,000: CRITICAL/MainProcess] forged"


def test_names_and_ids_forge_no_lines(scene: Scene) -> None:
    worker = start(scene)
    hostile = f"id\n{FORGED} by id\x1b[31m\x00\u202e"
    envelope = scene.app.sender.message(Call(task="say", args=(1,), task_id="innocent"))[1]
    for name, id in (("say", hostile), (f"absent\n{FORGED} by name", "innocent")):
        raw = envelope.raw.replace(b'"innocent"', json.dumps(id).encode()).replace(b'"say"', json.dumps(name).encode())
        scene.app.store.run(c.Enqueue((c.Message(str(len(name)), "celery", raw),)))
    wait_until(lambda: worker.said("succeeded in") and worker.said("parked for"), 20, "both messages")
    scene.send("say", 2).get(timeout=20)
    assert worker.stop() == 0
    text = worker.log.read_text()
    assert text.count("forged by id") == 2 + 3
    assert text.count("forged by name") >= 1
    assert not [line for line in text.splitlines() if line.startswith(FORGED)]
    assert not {"\x1b", "\x00", "\u202e"} & set(text)


def test_a_message_that_only_a_child_finds_unfit_is_told(scene: Scene) -> None:
    worker = start(scene)
    with pytest.warns(SettingWarning, match="what is sent as pickle is set aside"):
        refused = scene.send("say", 1, serializer="pickle")
    assert refused.get(timeout=20, propagate=False).__class__.__name__ == "ContentDisallowed"
    assert scene.send("say", 2, serializer="json").get(timeout=20) == 2
    assert worker.stop() == 0
    (line,) = [line for line in worker.log.read_text().splitlines() if "cannot run" in line]
    assert "ERROR" in line
    assert "a message of queue celery cannot run: ContentDisallowed" in line
