"""Pens, pieces and the one thread that writes them down."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import pytest

from celeriac.exceptions import ImproperlyConfigured
from celeriac.worker.log.log_thread import Assembly, LocalWriter, Log
from celeriac.worker.log.log_writer import LONGEST, PIECE, ROOM, LogWriter
from tests.worker.ledger import wait_until


@pytest.fixture
def pipe():
    """A pipe whose writing end does not block."""
    source, target = os.pipe()
    os.set_blocking(target, False)
    os.set_blocking(source, False)
    yield source, target
    os.close(source)
    os.close(target)


def read(source: int) -> bytes:
    return os.read(source, 1 << 20)


@pytest.mark.parametrize("size", [1, 100, ROOM, ROOM + 1, 3 * ROOM, 3 * ROOM + 1, 60_000])
def test_a_record_arrives_whole(pipe, size: int):
    source, target = pipe
    record = os.urandom(size)
    assert LogWriter(target).write(record)
    assert Assembly().feed(read(source)) == record


def test_a_record_that_is_too_long_is_cut_and_says_so(tmp_path: Path):
    log = Log(str(tmp_path / "log"))
    log.start()
    assert log.log_writer.write(b"x" * (LONGEST + 1) + b"\n")
    assert log.log_writer.write(b"next\n")
    log.end(10)
    cut = b"... [cut: %d bytes]\nnext\n" % (LONGEST + 2)
    assert (tmp_path / "log").read_bytes() == b"x" * LONGEST + cut


def test_records_of_several_processes_are_put_together_each(pipe):
    """Pieces come in any order between processes, and are read in chunks of any size."""
    records = {pid: [bytes([pid]) * size + b"\n" for size in (10, 9000, 5, 5000)] for pid in range(1, 6)}
    pieces = {pid: [piece for record in records[pid] for piece in pieces_of(pid, record)] for pid in records}
    chance = random.Random(7)
    data = b""
    while any(pieces.values()):
        data += pieces[chance.choice([pid for pid in pieces if pieces[pid]])].pop(0)
    assembly, text = Assembly(), b""
    while data:
        size = chance.randrange(1, 5000)
        text += assembly.feed(data[:size])
        data = data[size:]
    assert not assembly.unfinished
    for pid, own in records.items():
        assert [line + b"\n" for line in text.split(b"\n") if line and line[0] == pid] == own


def pieces_of(pid: int, record: bytes) -> list[bytes]:
    parts = [record[start : start + ROOM] for start in range(0, len(record), ROOM)]
    last = len(parts) - 1
    return [PIECE.pack(pid, len(part), (i == 0) | ((i == last) << 1)) + part for i, part in enumerate(parts)]


def test_a_full_pipe_takes_nothing_and_holds_nobody_up(pipe):
    source, target = pipe
    log_writer, count = LogWriter(target), 0
    while log_writer.write(b"%05d\n" % count):
        count += 1
    assert count > 1000
    assert not log_writer.write(b"lost\n")
    assert Assembly().feed(read(source)) == b"".join(b"%05d\n" % number for number in range(count))
    assert log_writer.write(b"again\n")


def test_a_record_whose_end_found_no_room_is_marked(pipe):
    source, target = pipe
    log_writer, assembly = LogWriter(target), Assembly()
    assert not log_writer.write(b"x" * LONGEST)
    text = assembly.feed(read(source))
    assert (text, assembly.unfinished) == (b"", True)
    assert log_writer.write(b"next\n")
    text = assembly.feed(read(source))
    assert text.endswith(b"xxx... [cut: the rest was lost]\nnext\n")


def test_lines_are_never_parted_and_the_lost_ones_counted(pipe):
    source, target = pipe
    lines = b"".join(b"%06d %s\n" % (number, b"x" * (number % 90)) for number in range(4000))
    lost = LogWriter(target).write_lines(lines)
    text = Assembly().feed(read(source))
    assert lost
    assert lines.startswith(text)
    assert text.count(b"\n") + lost == 4000


def test_the_rest_of_a_record_is_not_waited_for_for_ever(tmp_path: Path):
    path = tmp_path / "log"
    log = Log(str(path))
    log.start()
    os.write(log.descriptor, PIECE.pack(1, 4, 1) + b"half")
    wait_until(lambda: path.read_bytes() == b"half... [cut: the rest was lost]\n", 10, "end of the wait")
    log.end(10)


def test_what_is_said_before_the_end_is_written(tmp_path: Path):
    path = tmp_path / "log"
    log = Log(str(path))
    log.start()
    for number in range(500):
        assert log.log_writer.write(b"pen %d\n" % number)
        assert log.local_writer.write(b"desk %d\n" % number)
    log.end(10)
    log.log_writer.write(b"last words of somebody else\n")
    log.finish(10)
    lines = path.read_text().splitlines()
    assert [line for line in lines if line.startswith("pen")] == [f"pen {number}" for number in range(500)]
    assert [line for line in lines if line.startswith("desk")] == [f"desk {number}" for number in range(500)]
    assert lines[-1] == "last words of somebody else"


def test_the_desk_takes_no_more_than_the_scribe_can_be_behind(pipe):
    local_writer = LocalWriter(LogWriter(pipe[1]))
    assert local_writer.write(b"x" * 1_000_000)
    assert not local_writer.write(b"x" * 100_000)
    assert local_writer.write_lines(b"one\ntwo\n" * 10_000) == 20_000
    assert len(local_writer.take()) == 1_000_000
    assert local_writer.write_lines(b"one\ntwo\n") == 0


def test_a_file_that_was_moved_away_is_opened_anew(tmp_path: Path):
    path = tmp_path / "log"
    log = Log(str(path))
    log.start()
    log.log_writer.write(b"before\n")
    wait_until(path.read_bytes, 10, "first line")
    path.rename(tmp_path / "log.1")
    log.log_writer.write(b"after\n")
    wait_until(path.exists, 10, "new file")
    log.end(10)
    assert path.read_bytes() == b"after\n"
    assert (tmp_path / "log.1").read_bytes() == b"before\n"


def test_a_file_that_cannot_be_opened_is_refused_at_once(tmp_path: Path):
    with pytest.raises(ImproperlyConfigured, match="Is a directory"):
        Log(str(tmp_path))


def test_a_sink_that_stands_still_ends_the_end(tmp_path: Path):
    """Whoever waits for the log to be written waits for a moment."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    source = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    log = Log(str(fifo))
    log.start()
    for _ in range(20):
        log.log_writer.write(b"x" * 10_000 + b"\n")
    ended = threading.Thread(target=log.end, args=(0.2,))
    ended.start()
    ended.join(10)
    assert not ended.is_alive()
    os.close(source)


def test_desk_and_pens_stand_in_the_order_in_which_they_were_used(pipe):
    source, target = pipe
    log_writer = LogWriter(target)
    local_writer = LocalWriter(log_writer)
    assembly = Assembly(local_writer.take)
    for number in range(0, 300, 3):
        assert log_writer.write(b"%d\n" % number)
        assert local_writer.write(b"%d\n" % (number + 1))
        assert log_writer.write(b"%d\n" % (number + 2))
    # What comes while the pipe is being read stands behind what was there before.
    first = assembly.feed(os.read(source, 1500))
    assert local_writer.write(b"300\n")
    rest = assembly.feed(read(source))
    assert not local_writer.take_unmarked()
    assert first + rest == b"".join(b"%d\n" % number for number in range(301))


def test_what_the_desk_says_while_the_pipe_is_full_is_there(pipe):
    source, target = pipe
    log_writer = LogWriter(target)
    local_writer = LocalWriter(log_writer)
    assembly = Assembly(local_writer.take)
    assert local_writer.write(b"before\n")
    while log_writer.write(b"x" * 100 + b"\n"):
        pass
    while log_writer.write(b"\n"):
        pass
    assert local_writer.write(b"full\n")
    text = assembly.feed(read(source))
    assert text.startswith(b"before\n")
    assert b"full" not in text
    assert local_writer.take_unmarked() == b"full\n"
    assert local_writer.write(b"after\n")
    assert assembly.feed(read(source)) == b"after\n"
    assert not local_writer.take_unmarked()
