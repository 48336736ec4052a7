-- Keep a flow version for as long as calls may need it. KEYS: the version. ARGV: ms to keep it; then, where it is to be
-- put there if it is missing or damaged: the packed files, their SHA-1, ms since 1970.
local key = KEYS[1]
local kind = redis.call('TYPE', key).ok
local h = kind == 'hash' and redis.call('HMGET', key, 'files', 'sum', 'came') or {}
if not (h[1] and h[2] and redis.sha1hex(h[1]) == h[2]) then
  if not ARGV[2] then return 0 end
  redis.call('DEL', key)
  redis.call('HSET', key, 'files', ARGV[2], 'sum', ARGV[3], 'came', h[3] or ARGV[4])
end
redis.call('PEXPIRE', key, ARGV[1])
return 1
