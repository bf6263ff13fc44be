"""Values to bytes and back: Celery's JSON, its message protocol 2, its result documents. No sockets, no clock."""
