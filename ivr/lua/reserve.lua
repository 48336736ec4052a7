-- Reserve places in a sliding window. KEYS: the counter, the epoch of its share. ARGV: what is counted once however
-- often it comes ('' for every reservation by itself), reservation, limit, window in ms, ms to keep the counter after it,
-- how many places.
-- Where the epoch is missing, what was counted before is lost: nothing is granted, and nothing counted.
-- Nothing but what lies behind the window is dropped: entries from a clock that went back since still count.
local key, group, limit, window, places = KEYS[1], ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[6])
local member = group .. '/' .. ARGV[2]
if redis.call('EXISTS', KEYS[2]) == 0 then return {'lost', 0} end
local now = now_ms()
local oldest = now - window
local counted, known = 0, false
if group == '' then
  counted = redis.call('ZCOUNT', key, string.format('(%.0f', oldest), '+inf')
else
  local seen = {}
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', key, string.format('(%.0f', oldest), '+inf')) do
    local of = other:match('^([^/]*)/') or other
    if not seen[of] then
      seen[of] = true
      counted = counted + 1
    end
  end
  known = seen[group]
end
local since = redis.call('ZSCORE', key, member)
if since and tonumber(since) > oldest then return {'reserved', counted} end
if not known then
  if counted + places > limit then return {'refused', counted} end
  counted = counted + places
end
redis.call('ZADD', key, string.format('%.0f', now), member)
for place = 2, places do redis.call('ZADD', key, string.format('%.0f', now), member .. '+' .. place) end
redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', oldest))
local keep = string.format('%.0f', window + tonumber(ARGV[5]))
redis.call('PEXPIRE', key, keep, 'NX')
redis.call('PEXPIRE', key, keep, 'GT')
return {'reserved', counted}
