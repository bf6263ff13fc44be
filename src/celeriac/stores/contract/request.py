"""What every request to a store has in common."""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

R_co = TypeVar("R_co", covariant=True)


class Request(Struct, Generic[R_co], frozen=True):
    """Base of everything a store can be asked; the parameter is the type of the reply."""

    @property
    def durable(self) -> bool:
        """Whether the reply promises that the change survives a loss of power (where the store can)."""
        return False

    @property
    def repeatable(self) -> bool:
        """Whether a request whose reply was lost can simply be sent again."""
        return True


class Change(Request[R_co], frozen=True):
    """A request made by a person, that changes what is kept: durable, and harmless when it is repeated."""

    @property
    def durable(self) -> bool:
        return True
