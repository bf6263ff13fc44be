"""Servers for tests: found or missed by name, and obedient when frozen, killed and started again."""

from __future__ import annotations

import os
import re
import select
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tools.servers import program
from tools.servers.redis import RedisServer


@pytest.fixture
def bare_path(monkeypatch, tmp_path):
    """A PATH on which there is nothing but what the test puts there, and nothing unpacked before."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(program, "UNPACKED", tmp_path / "unpacked")
    return folder


def command(folder: Path, name: str, script: str) -> Path:
    """Put a program on the PATH."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_server_on_the_path_is_taken(bare_path):
    there = command(bare_path, "redis-server", "exit 0")
    assert program.provide("redis-server") == there


@pytest.mark.parametrize("manager", ["dnf", "apk", "pacman", "zypper", "brew"])
def test_missing_server_fails_by_name_with_the_command_that_brings_it(bare_path, manager):
    command(bare_path, manager, "exit 0")
    with pytest.raises(program.ServerMissing, match=rf"^redis-server is missing: run `.*{manager} .*redis`$"):
        program.provide("redis-server")


def test_missing_server_fails_by_name_where_there_is_no_package_manager(bare_path):
    with pytest.raises(program.ServerMissing, match=r"^redis-server is missing: install Redis"):
        program.provide("redis-server")


def test_failing_package_manager_fails_by_name_with_its_words(bare_path):
    command(bare_path, "apt-get", "echo the network is down >&2; exit 100")
    command(bare_path, "dpkg-deb", "exit 0")
    with pytest.raises(program.ServerMissing, match=r"(?s)^redis-server is missing: .*the network is down.*apt-get"):
        program.provide("redis-server")


@pytest.mark.skipif(
    not Path("/usr/bin/dpkg-deb").exists(), reason="Debian's packages are unpacked where there is dpkg-deb"
)
def test_server_is_unpacked_from_packages_with_its_libraries(bare_path, tmp_path):
    """With a stand-in for the network: an apt-get that copies two packages from a folder."""
    mirror = tmp_path / "mirror"
    package(mirror, "redis-server", {"usr/bin/redis-server": '#!/bin/sh\necho "$LD_LIBRARY_PATH" "$@"\n'})
    package(mirror, "liblzf1", {"usr/lib/any-linux/liblzf.so.1": ""})
    known = "Inst liblzf1 (3.6-3 Debian:12 [amd64])\nInst redis-server (5:7 Debian:12 [amd64])\nConf liblzf1 (3.6-3)"
    command(
        bare_path,
        "apt-get",
        f"""
        for word in "$@"; do case "$word" in
            --simulate) echo '{known}';;
            download) fetching=yes;;
            liblzf1|redis-server) test -z "$fetching" || /bin/cp {mirror}/"$word".deb .;;
        esac; done""",
    )
    for name in ("dpkg-deb", "tar"):
        os.symlink(f"/usr/bin/{name}", bare_path / name)

    found = program.provide("redis-server")

    said = subprocess.run([found, "--port", "0"], capture_output=True, text=True, check=True).stdout
    assert said == f"{tmp_path}/unpacked/usr/lib/any-linux --port 0\n"
    assert program.find("redis-server") == found


def package(mirror: Path, name: str, files: dict[str, str]) -> None:
    """Build a Debian package of executable files."""
    tree = mirror / name
    for path, text in {"DEBIAN/control": control_of(name), **files}.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
        (tree / path).chmod(0o755)
    subprocess.run(
        ["/usr/bin/dpkg-deb", "--build", tree, mirror / f"{name}.deb"],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )


def control_of(name: str) -> str:
    return f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: nobody <no@body>\nDescription: {name}\n"


def test_tests_of_a_missing_server_fail_and_are_not_skipped(tmp_path):
    root = Path(__file__).parents[2]
    suite = tmp_path / "test_it.py"
    suite.write_text(
        "from pathlib import Path\n"
        "from tests.conftest import *\n"
        "from tools.servers import program\n"
        "program.UNPACKED = Path(__file__).parent\n"
        "def test_it(redis_server): ...\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", tmp_path, suite],
        env={"PATH": str(tmp_path), "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "redis-server is missing: " in run.stdout
    assert re.search(r"\b1 error\b", run.stdout)
    assert run.returncode == 1


def test_database_per_test_is_empty_and_its_own(new_redis_url):
    first, second = new_redis_url(), new_redis_url()
    with redis.Redis.from_url(first) as one, redis.Redis.from_url(second) as other:
        one.set("key", "value")
        assert other.dbsize() == 0


def test_frozen_server_keeps_silent_until_it_is_thawed(redis_server):
    with (
        redis.Redis.from_url(redis_server.url) as client,
        socket.create_connection(("127.0.0.1", redis_server.port)) as wire,
    ):
        client.set("key", "value")
        redis_server.freeze()
        wire.sendall(b"GET key\r\n")
        assert select.select([wire], [], [], 0.1)[0] == []
        redis_server.thaw()
        assert wire.recv(64) == b"$5\r\nvalue\r\n"


def test_killed_server_comes_back_with_all_it_had_answered(redis_server):
    url, pid = redis_server.url, redis_server.pid
    with redis.Redis.from_url(url) as client:
        client.set("key", "value")
        redis_server.kill()
        with pytest.raises(redis.ConnectionError):
            client.get("key")
        redis_server.start()
        assert client.get("key") == b"value"
    assert redis_server.url == url
    assert redis_server.pid != pid


def test_frozen_server_can_be_killed(redis_server):
    redis_server.freeze()
    redis_server.kill()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", redis_server.port))
    redis_server.start()
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.ping()


def test_what_does_not_run_cannot_be_frozen(tmp_path):
    server = RedisServer(tmp_path)
    with pytest.raises(RuntimeError, match="not running"):
        server.freeze()


@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_server_dies_with_the_process_that_made_it(tmp_path, end):
    script = f"""
import os, signal, sys
from pathlib import Path
from tools.servers.redis import RedisServer
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born ignoring it
server = RedisServer(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
os.kill(os.getpid(), signal.{end})
signal.pause()
"""
    root = Path(__file__).parents[2]
    maker = subprocess.run(
        [sys.executable, "-c", script, tmp_path],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    _wait_until_gone(int(maker.stdout))


def _wait_until_gone(pid: int) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], 10)[0], "the server outlived its maker by ten seconds"
    finally:
        os.close(handle)
