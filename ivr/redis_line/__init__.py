"""The line to Redis: one server, a master that Sentinels watch over, or a cluster, asked in the same way."""

from ivr.redis_line.addresses import connect
from ivr.redis_line.line import PATIENCE, Command, RedisLine, Script, StoreAway

__all__ = ["PATIENCE", "Command", "RedisLine", "Script", "StoreAway", "connect"]
