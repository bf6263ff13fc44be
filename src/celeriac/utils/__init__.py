"""Names that Celery has under `celery.utils`, for programs that change nothing but the package's name."""
