-- Forget a call whose session could not be read, if it is still the one that was seen. KEYS: the call. ARGV: the turn
-- and session that were seen, ms to keep what stays: its failed credentials, and a claim on which somebody works.
local key = KEYS[1]
if redis.call('TYPE', key).ok ~= 'hash' then
  redis.call('DEL', key)
  return 1
end
local h = redis.call('HMGET', key, 'n', 's')
if (h[1] or '') ~= ARGV[1] or (h[2] or '') ~= ARGV[2] then return 0 end
redis.call('HDEL', key, 'n', 't', 's', 'r')
if redis.call('EXISTS', key) == 1 then redis.call('PEXPIRE', key, ARGV[3]) end
return 1
