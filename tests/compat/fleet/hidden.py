"""Imported by a task while it runs, and by nobody else."""

from __future__ import annotations


class Secret(Exception):
    """An error that whoever waits for the result has never heard of."""
