"""Passwords and keys are shown to nobody."""

from __future__ import annotations

import traceback

import pytest

from celeriac import Celeriac
from celeriac.config import TABLE, Settings
from celeriac.config.table import OLD_NAMES
from celeriac.exceptions import ImproperlyConfigured
from celeriac.stores.redis.address import parse

SECRET = "hunter2"

PLACES = [
    {"broker_url": f"redis://user:{SECRET}@host/1"},
    {"broker_url": f"redis://:{SECRET}/with@signs@host/1"},
    {"broker_url": f"sentinel://:{SECRET}@a;sentinel://:{SECRET}@b"},
    {"result_backend": f"redis://host/1?password={SECRET}&db=2"},
    {"broker_password": SECRET},
    {"my_api_token": SECRET},
    {"SOME_SECRET_KEY": {"deep": SECRET}},
    {"flower_options": {"password": SECRET, "url": f"amqp://u:{SECRET}@h", "list": [f"amqp://u:{SECRET}@h"]}},
]


@pytest.mark.parametrize("values", PLACES)
def test_they_are_masked_wherever_settings_are_shown(values):
    settings = Settings(values)
    assert settings.without_defaults() == values
    for text in (
        repr(settings),
        settings.humanize(),
        settings.humanize(with_defaults=True),
        str(settings.table()),
    ):
        assert SECRET not in text
    assert SECRET in settings.humanize(censored=False)
    assert settings.table(censored=False) == values


def test_a_prefix_of_keys_is_none():
    settings = Settings({"broker_transport_options": {"global_keyprefix": "shop:"}, "my_key": SECRET})
    assert "shop:" in settings.humanize()
    assert SECRET not in settings.humanize()


@pytest.mark.filterwarnings("ignore::celeriac.exceptions.SettingWarning")
@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.secret])
def test_they_are_masked_in_errors(name):
    old = name.upper() if name.upper() in OLD_NAMES else next(old for old, new in OLD_NAMES.items() if new == name)
    with pytest.raises(ImproperlyConfigured, match=name) as refused:
        Settings({name: SECRET, old: SECRET[::-1]})
    assert SECRET not in "".join(traceback.format_exception(refused.value))
    assert SECRET[::-1] not in str(refused.value)


@pytest.mark.filterwarnings("ignore::celeriac.exceptions.SettingWarning")
def test_they_are_masked_in_contradictions_and_wrong_types():
    url = f"redis://:{SECRET}@host"
    for values in ({"broker_url": {"a": url}}, {"BROKER_URL": url, "broker_url": "x"}, {"broker_port": [url]}):
        with pytest.raises(ImproperlyConfigured) as refused:
            Settings(values)
        assert SECRET not in str(refused.value)
        assert "host" in str(refused.value)


@pytest.mark.parametrize("url", [f"redis://u:{SECRET}/x@host", f"redis://host:{SECRET}/1", f"redis://h/{SECRET}"])
def test_a_url_that_cannot_be_read_is_not_shown(url):
    with pytest.raises(ImproperlyConfigured) as refused:
        parse(url)
    assert SECRET not in "".join(traceback.format_exception(refused.value))


def test_a_url_without_a_scheme_is_not_shown():
    with pytest.raises(ImproperlyConfigured) as refused:
        Celeriac("x", broker=f"user:{SECRET}@host").store.close()
    assert SECRET not in str(refused.value)
