"""The Redis store: Celery's own lists as queues, Lua for every step that must be atomic."""

from celeriac.stores.redis.store import RedisStore

__all__ = ["RedisStore"]
