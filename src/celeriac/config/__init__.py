"""Settings: one table, and what is derived from it."""

from celeriac.config.setting import Setting, Standing
from celeriac.config.settings import Defaults, Settings
from celeriac.config.sources import Source
from celeriac.config.table import TABLE

__all__ = ["TABLE", "Defaults", "Setting", "Settings", "Source", "Standing"]
