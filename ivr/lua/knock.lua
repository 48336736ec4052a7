-- Count a try at a door, or take one back. KEYS: the counter. ARGV: ms after which it is forgotten, what is added.
-- Gives the tries that count now, and the ms until they are forgotten.
if tonumber(ARGV[2]) < 0 and tonumber(redis.call('GET', KEYS[1]) or '0') <= 0 then return {0, 0} end
local tries = redis.call('INCRBY', KEYS[1], ARGV[2])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {tries, redis.call('PTTL', KEYS[1])}
