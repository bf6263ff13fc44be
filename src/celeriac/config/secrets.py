"""What of a setting may be shown: everything but passwords and keys. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from celeriac.config.table import TABLE

MASK = "********"

# Patterns as text: they are compiled when something is shown, not in every process that calls a task.
# From the first colon after the scheme to the last @: a password may hold anything, and too much hidden is no harm.
_IN_URL = r"(?i)([a-z][a-z0-9+.-]*://[^\s:@/]*):\S*@"
_IN_QUERY = r"(?i)([?&][^=&\s]*(?:pass|secret|token|sig|key)[^=&\s]*=)[^&#\s;]*"
_SECRET_NAME = r"(?i)api|token|key(?!_?prefix)|secret|pass|profanities_list|signature|database"
"""Names that Celery hides, but for prefixes of keys; of a setting that is not in the table nothing else is known."""


def censored_text(text: str) -> str:
    """A text without the passwords of the URLs in it."""
    return re.sub(_IN_QUERY, rf"\1{MASK}", re.sub(_IN_URL, rf"\1:{MASK}@", text))


def censored(name: str, value: Any) -> Any:
    """The value of a setting, or of an entry of one, as it may be shown to anybody."""
    if value is None or isinstance(value, bool):
        return value
    row = TABLE.get(name)
    if row.secret if row is not None else re.search(_SECRET_NAME, name):
        return MASK if value else value
    if isinstance(value, str):
        return censored_text(value)
    if isinstance(value, Mapping):
        return {key: censored(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [censored("", item) for item in value]
    return value


def shown(name: str, value: Any) -> str:
    """The same as text, in a sentence."""
    text = repr(censored(name, value))
    return censored_text(text if len(text) <= 100 else f"{text[:100]}...")
