"""The file: where it may be, what may be in it, and that it stays small."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from celeriac.exceptions import ImproperlyConfigured, LeaseLost
from celeriac.stores import contract as c
from celeriac.stores.sqlite import SQLiteStore
from celeriac.stores.sqlite.connection import VERSION
from celeriac.stores.sqlite.filesystem import network_filesystem
from celeriac.stores.sqlite.statements import split
from tests.stores.sqlite.looking import count_rows, is_sound
from tests.stores.sqlite.programs import program

MOUNTS = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
30 27 0:30 / /mnt/nfs rw,relatime - nfs4 server:/export rw,vers=4.2
31 30 0:31 / /mnt/nfs/local rw,relatime - xfs /dev/sdb rw
32 27 0:32 / /mnt/with\\040space rw - cifs //server/share rw
33 27 0:33 / /home/me/remote rw - fuse.sshfs me@server:/ rw
34 27 0:34 / /mnt/c rw - 9p drvfs rw
35 27 0:35 / /workspace rw - virtiofs share rw
36 27 0:36 / /over rw - ext4 /dev/sdc rw
37 36 0:37 / /over rw - nfs server:/over rw
38 27 0:38 / /enc rw - fuse.gocryptfs /crypt rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", ""),
        ("/srv/app", ""),
        ("/mnt/nfs", "nfs4"),
        ("/mnt/nfs/app/deep", "nfs4"),
        ("/mnt/nfs/local/app", ""),
        ("/mnt/nfsother", ""),
        ("/mnt/with space/app", "cifs"),
        ("/home/me/remote/x", "fuse.sshfs"),
        ("/mnt/c/Users", "9p"),
        ("/workspace", "virtiofs"),
        ("/over/x", "nfs"),
        ("/enc", ""),
    ],
)
def test_network_file_systems_are_told_from_local_ones(path: str, kind: str) -> None:
    assert network_filesystem(MOUNTS, path) == kind


def test_a_path_without_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="there is no folder"):
        SQLiteStore(tmp_path / "missing" / "tasks.db").run(c.Stats())


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="is a folder"):
        SQLiteStore(tmp_path).run(c.Stats())


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_a_file_must_be_named(path: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="needs a file"):
        SQLiteStore(path)


def test_what_is_no_database_is_refused_and_left_alone(tmp_store_path: Path) -> None:
    tmp_store_path.write_bytes(b"dear diary, " * 1000)
    store = SQLiteStore(tmp_store_path)
    with pytest.raises(ImproperlyConfigured, match="not an SQLite database"):
        store.run(c.Stats())
    store.close()
    assert tmp_store_path.read_bytes() == b"dear diary, " * 1000


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_store_path: Path) -> None:
    with closing(sqlite3.connect(tmp_store_path)) as connection:
        connection.execute("CREATE TABLE guest (name)")
    before = tmp_store_path.read_bytes()
    store = SQLiteStore(tmp_store_path)
    with pytest.raises(ImproperlyConfigured, match="database of another program"):
        store.run(c.Enqueue((c.Message("m1", "q", b"a"),)))
    store.close()
    assert tmp_store_path.read_bytes() == before


def test_a_newer_schema_is_refused(tmp_store_path: Path) -> None:
    store = SQLiteStore(tmp_store_path)
    store.run(c.Stats())
    store.close()
    with closing(sqlite3.connect(tmp_store_path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(ImproperlyConfigured, match=f"newer Celeriac .schema {VERSION + 1}, this one knows {VERSION}"):
        store.run(c.Stats())
    store.close()


def test_a_full_disk_is_an_error_and_the_store_goes_on(tmp_store_path: Path) -> None:
    with program("small_disk", tmp_store_path) as crowded:
        assert crowded.line() in ("OperationalError", "EnqueueUncertain")
        assert crowded.line() == "2"
        assert crowded.end() == 0
    assert is_sound(tmp_store_path)


def test_what_was_enqueued_is_there_for_the_next_process(tmp_store_path: Path) -> None:
    store = SQLiteStore(tmp_store_path)
    store.run(c.Enqueue((c.Message("m1", "q", b"a"),)))
    store.close()
    assert not Path(f"{tmp_store_path}-wal").exists()
    again = SQLiteStore(os.path.relpath(tmp_store_path))
    assert again.run(c.Stats(("q",))) == (c.QueueStats("q", ready=1),)
    again.close()


def test_a_file_deleted_under_a_store_is_made_anew(tmp_store_path: Path) -> None:
    store = SQLiteStore(tmp_store_path)
    lease = c.Lease("worker", "epoch")
    store.run(c.OpenLease(lease, c.WorkerRecord()))
    store.run(c.Enqueue((c.Message("m1", "q", b"old"),)))
    for path in tmp_store_path.parent.glob("tasks.db*"):
        if path.is_file():
            path.unlink()
    other = SQLiteStore(tmp_store_path)
    assert other.run(c.Enqueue((c.Message("m1", "q", b"new"),))) == c.Enqueued((True,))
    assert store.run(c.Enqueue((c.Message("m2", "q", b"newer"),))) == c.Enqueued((True,))
    with pytest.raises(LeaseLost):
        store.run(c.Heartbeat(lease))
    assert other.run(c.Stats(("q",))) == (c.QueueStats("q", ready=2),)
    store.close()
    other.close()
    assert is_sound(tmp_store_path)


def test_the_log_stays_short(tmp_store_path: Path) -> None:
    store = SQLiteStore(tmp_store_path)
    for number in range(100):
        messages = (c.Message(f"m{number}.{place}", "q", bytes(3000)) for place in range(100))
        store.run(c.Enqueue(tuple(messages)))
    assert tmp_store_path.stat().st_size > 30_000_000
    assert Path(f"{tmp_store_path}-wal").stat().st_size < 10_000_000
    store.close()


def test_the_log_is_emptied_when_nothing_happens(tmp_store_path: Path) -> None:
    store = SQLiteStore(tmp_store_path)
    log = Path(f"{tmp_store_path}-wal")

    async def enqueue(id: str) -> None:
        await store.arun(c.Enqueue((c.Message(id, "q", bytes(1_000_000)),)))

    async def main() -> None:
        await enqueue("opens the file")
        await enqueue("is written by the thread")
        assert log.stat().st_size > 1_000_000
        async with asyncio.timeout(30):
            while log.stat().st_size:
                await asyncio.sleep(0.1)

    asyncio.run(main())
    store.close()


def test_a_finished_message_leaves_its_space_to_the_next(tmp_store_path: Path) -> None:
    store = SQLiteStore(tmp_store_path)
    lease = c.Lease("worker", "epoch")
    store.run(c.OpenLease(lease, c.WorkerRecord()))
    for number in range(40):
        store.run(c.Enqueue((c.Message(f"m{number}", "q", bytes(1_000_000)),)))
        [claim] = store.run(c.Finish(lease, queues=("q",), count=1, first=number)).claims
        store.run(c.Finish(lease, (c.Outcome(claim.id),)))
    store.run(c.CloseLease(lease))
    store.close()
    assert tmp_store_path.stat().st_size < 5_000_000
    assert count_rows(tmp_store_path, "message") == 0


def test_statements_are_split_by_name() -> None:
    text = "-- prose\n\n-- name: one\nSELECT 1;\n\n-- name: two\n-- of two lines\nSELECT 2;\n"
    assert split(text) == {"one": "SELECT 1;", "two": "-- of two lines\nSELECT 2;"}
