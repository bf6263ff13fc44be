"""`celery.utils.log` under our name; what is in it lives in `celeriac.observe.loggers`."""

from celeriac.observe.loggers import get_task_logger

__all__ = ["get_task_logger"]
