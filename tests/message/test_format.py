"""Result documents in every format: what they say, and whether they end a task, told from their bytes."""

from __future__ import annotations

import pickle

import msgspec
import pytest

from celeriac.exceptions import ContentDisallowed, ImproperlyConfigured
from celeriac.message import document, final, serializers
from celeriac.message.final import is_final, state_of
from celeriac.message.format import PLAIN, Format

STATES = ("SUCCESS", "FAILURE", "REVOKED", "PENDING", "STARTED", "RETRY", "PROGRESS", "SUCCESSFUL")
FINAL = STATES[:3]
FORMATS = [(name, packing) for name in ("json", "msgpack", "yaml", "pickle") for packing in (None, "gzip", "bzip2")]


def settings(**changed):
    usual = {"result_serializer": "json", "result_compression": None, "result_accept_content": None}
    return usual | {"accept_content": ("json",), "result_max_bytes": 1 << 20} | changed


def format_of(name, packing=None, **changed):
    return Format.of(settings(result_serializer=name, result_compression=packing, **changed))


def written(status, value=b'"v"'):
    return document.write("id", status, value, 1.9e9)


@pytest.mark.parametrize(("name", "packing"), FORMATS)
@pytest.mark.parametrize("status", STATES)
def test_what_is_written_is_read_and_known_to_be_final(name, packing, status):
    format = format_of(name, packing)
    plain = written(status, b'{"exc_type": "KeyError", "exc_message": ["x"], "exc_module": "builtins"}')
    data = format.put(plain)
    assert is_final(data) is (status in FINAL)
    assert state_of(data) == (status if status in FINAL else None)
    found, expected = format.read(data), document.read(plain)
    assert (found.result == expected.result) or repr(found.result) == repr(expected.result)
    assert (found.status, found.task_id, found.date_done) == (status, "id", expected.date_done)
    assert format.put(data) == data or data == plain


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_of_pickle_is_known(protocol):
    for status in STATES:
        data = pickle.dumps({"status": status, "result": "status SUCCESS", "traceback": None}, protocol)
        assert is_final(data) is (status in FINAL), status


def test_words_inside_of_a_result_mean_nothing():
    fields = {"status": "A", "result": "status: SUCCESS", "x": {"status": "SUCCESS"}, "\nstatus: SUCCESS": 1}
    text = "line\nstatus: SUCCESS\n"
    for name in ("msgpack", "yaml", "pickle"):
        assert not is_final(serializers.find(name).write(fields | {"text": text})), name
    assert not is_final(b"result: |-\n  line\n  status: SUCCESS\nstatus: STARTED\n")


def test_values_keep_their_kind():
    value = {"bytes": b"\xff", 1: (2, 3)}
    data = format_of("pickle").compose(written("SUCCESS"), value)
    assert format_of("pickle").read(data).result == value
    assert format_of("msgpack").read(format_of("msgpack").compose(written("SUCCESS"), b"\xff")).result == b"\xff"


@pytest.mark.parametrize(("name", "packing"), [each for each in FORMATS if each[0] != "json"])
def test_what_is_not_accepted_is_not_read(name, packing):
    data = format_of(name, packing).put(written("SUCCESS"))
    with pytest.raises(ContentDisallowed, match=f"result_accept_content must name '{name}'"):
        PLAIN.read(data)
    assert format_of("json", accept_content=("json", name)).read(data).result == "v"
    assert format_of("json", result_accept_content=[name], accept_content=()).read(data).result == "v"
    assert format_of("yaml" if name != "yaml" else "msgpack", result_accept_content=(name,)).read(data).result == "v"


def test_json_is_always_read():
    assert format_of("pickle", result_accept_content=["pickle"]).read(written("SUCCESS")).result == "v"


def test_pickled_exceptions_are_raised_if_they_are_ordinary():
    for error, kind in (
        (KeyError("x"), "KeyError"),
        (SystemExit(3), "RemoteError"),
        (KeyboardInterrupt(), "RemoteError"),
    ):
        data = pickle.dumps({"status": "FAILURE", "result": error, "traceback": None})
        found = format_of("pickle").read(data).result
        assert isinstance(found, Exception)
        assert kind in {each.__name__ for each in type(found).__mro__}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\x85",
        b"\x80\x04status",
        b"a: status: ",
        b"\0celery-compressed\0gzip\0xx",
        b"\0celery-compressed\0",
        b"\xff",
    ],
)
def test_what_is_no_document_raises(data):
    accepting = format_of("json", accept_content=("json", "msgpack", "yaml", "pickle"))
    with pytest.raises(ValueError):  # noqa: PT011 - each reader has words of its own
        accepting.read(data)
    assert not is_final(data)


def test_what_is_packed_unpacks_to_so_much_and_no_more():
    data = format_of("json", "gzip").put(written("SUCCESS", b'"%b"' % (b"x" * 300_000)))
    with pytest.raises(ValueError, match="1000"):
        format_of("json", result_max_bytes=1000).read(data)


def test_add_ons_are_found_when_they_are_named(monkeypatch):
    monkeypatch.setattr(final, "_recognizers", [])
    monkeypatch.setattr(serializers, "_known", dict(serializers._known))
    serializers.register(
        "hex",
        lambda value: msgspec.json.encode(value).hex(),
        lambda text: msgspec.json.decode(bytes.fromhex(text)),
        "application/x-hex",
    )
    serializers.register(
        "odd",
        lambda value: b"\x85" + msgspec.json.encode(value),
        lambda data: msgspec.json.decode(data[1:]),
        "application/x-odd",
        "binary",
    )
    odd = format_of("odd")
    assert [is_final(odd.put(written(status))) for status in STATES] == [status in FINAL for status in STATES]
    assert odd.read(odd.put(written("SUCCESS"))).result == "v"
    assert is_final(format_of("msgpack").put(written("SUCCESS")))
    data = serializers.find("hex").write({"status": "SUCCESS", "result": 3})
    assert not is_final(data)
    format = format_of("hex", "gzip")
    assert (is_final(data), is_final(b"zz"), format.read(data).result) == (True, False, 3)
    for status in STATES:
        assert is_final(format.put(written(status))) is (status in FINAL)


@pytest.mark.parametrize(
    "wrong", [{"result_serializer": "jsn"}, {"result_compression": "zip"}, {"accept_content": ["x"]}]
)
def test_a_format_that_is_not_here_is_refused(wrong):
    with pytest.raises(ImproperlyConfigured):
        Format.of(settings(**wrong))
