-- Note how an attempt of a callback ended. KEYS: what waits to be handed over. ARGV: the attempt, how it ended, ms to keep
-- it. The first word of it holds.
local noted = redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return noted
