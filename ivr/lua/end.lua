-- End a call from outside. KEYS: the call, its tombstone, its new password. ARGV: ms to keep the tombstone. A call that ended by itself
-- keeps its last reply for as long as that was meant to be kept.
if redis.call('SET', KEYS[2], '', 'PX', ARGV[1], 'NX') then redis.call('DEL', KEYS[1]) end
redis.call('DEL', KEYS[3])
return 1
