"""What views are tried on: the same apps as the commands of operators."""

from tests.control.conftest import app, served

__all__ = ["app", "served"]
