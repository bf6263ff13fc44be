"""Settings: one table, and what is derived from it."""

from celeriac.config.settings import Settings
from celeriac.config.table import TABLE, Setting

__all__ = ["TABLE", "Setting", "Settings"]
