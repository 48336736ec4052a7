-- End a call from outside. KEYS: the call, its tombstone, its new password, what is left of it. ARGV: ms to keep the
-- tombstone; what is left of the call for its record ('' nothing), ms to keep that, and the turn that it tells of ('' any):
-- where the call has moved on since, nothing is done and 0 is told. A call that ended by itself keeps its last reply for
-- as long as that was meant to be kept.
if redis.call('EXISTS', KEYS[2]) == 0 then
  if ARGV[4] ~= '' and redis.call('HGET', KEYS[1], 'n') ~= ARGV[4] then return 0 end
  redis.call('SET', KEYS[2], '', 'PX', ARGV[1])
  redis.call('DEL', KEYS[1])
end
redis.call('DEL', KEYS[3])
if ARGV[2] ~= '' then
  redis.call('RPUSH', KEYS[4], ARGV[2])
  redis.call('PEXPIRE', KEYS[4], ARGV[3])
end
return 1
