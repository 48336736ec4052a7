-- Keep something for a while, the first that comes under its name. KEYS: what waits. ARGV: name, value, ms to keep it.
redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
