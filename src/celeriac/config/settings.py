"""`app.conf`: the values that were set, over the defaults of the table."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from celeriac.config.table import OLD_NAMES, TABLE
from celeriac.exceptions import ImproperlyConfigured


class Settings:
    """Settings by attribute or by key.

    A name that is nearly a known one is refused with the right name suggested; any other unknown name is
    kept as it is, for add-ons. A value of the wrong type raises `ImproperlyConfigured` where it is set.
    """

    # Values live in the instance's own dictionary, defaults included: producers read them for every message.

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self.__dict__.update({name: row.default for name, row in TABLE.items()})
        self.__dict__["_changed"] = set()
        self.update(values or {})

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"no setting is called {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        known = OLD_NAMES.get(name, name)
        row = TABLE.get(known)
        if row is None:
            near = difflib.get_close_matches(name.lower(), TABLE, n=1, cutoff=0.85)
            if near:
                raise ImproperlyConfigured(f"no setting is called {name!r}; did you mean {near[0]!r}?")
        elif not isinstance(value, row.kind) or (isinstance(value, bool) and not _takes_bool(row.kind)):
            raise ImproperlyConfigured(f"{known} cannot be {value!r}: {row.doc}")
        self.__dict__[known] = value
        self._changed.add(known)

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    __setitem__ = __setattr__

    def __iter__(self) -> Iterator[str]:
        return iter({*TABLE, *self._changed})

    def update(self, values: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Set several at once."""
        for name, value in {**(values or {}), **more}.items():
            setattr(self, name, value)

    def changed(self) -> dict[str, Any]:
        """What was set, without defaults."""
        return {name: self[name] for name in self._changed}


def _takes_bool(kind: type | tuple[type, ...]) -> bool:
    return bool in (kind if isinstance(kind, tuple) else (kind,))
