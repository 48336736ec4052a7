"""The line to Redis: one server, a master that Sentinels watch over, or a cluster, asked in the same way."""

from ivr.redis_line.addresses import connect
from ivr.redis_line.line import PATIENCE, Command, RedisLine, Script, StoreAway
from ivr.redis_line.lookout import NotFoundError

__all__ = ["PATIENCE", "Command", "NotFoundError", "RedisLine", "Script", "StoreAway", "connect"]
