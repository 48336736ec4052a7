-- All there is of a call, in one trip. KEYS: the call, its tombstone.
local ended = redis.call('EXISTS', KEYS[2])
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
  return {redis.call('EXISTS', KEYS[1]) == 1 and 'foreign' or 'none', ended}
end
local h = redis.call('HMGET', KEYS[1], 'n', 't', 's', 'r', 'c', 'f')
local claim = read_claim(h[5], now_ms())
return {'hash', ended, h[1], h[2], h[3], h[4], claim and claim.id, claim and claim.worker,
        claim and claim.live and 1 or 0, h[6]}
