-- Book a callback. KEYS: the booking of a number, what waits to be handed over (one slot). ARGV: the call that books, what
-- stands for the number, the booking, ms to keep it. The same call again gets its own booking, another call is told
-- that there is one.
local kept = redis.call('HMGET', KEYS[1], 'call', 'booking')
if kept[1] then return {kept[1] == ARGV[1] and 'booked' or 'taken', kept[2]} end
redis.call('HSET', KEYS[1], 'call', ARGV[1], 'booking', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return {'booked', ARGV[3]}
