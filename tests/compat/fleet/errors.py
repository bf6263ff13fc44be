"""Exceptions that both sides of the fleet know."""

from __future__ import annotations


class OutOfStock(Exception):
    """An error of the application's own, with arguments."""

    def __init__(self, item: str, left: int = 0) -> None:
        super().__init__(item, left)
        self.item = item
        self.left = left
