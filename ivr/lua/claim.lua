-- Claim the work of a turn. KEYS: the call, its tombstone. ARGV: the turn the call was seen at ('' none), claim id,
-- worker, ms the claim may live, 1 reserves a failed credential, how many there may be, least failed credentials,
-- turn and session to begin with where there is no call, ms to keep the call.
local key = KEYS[1]
local h = redis.call('HMGET', key, 'n', 'r', 'c', 'f')
if redis.call('EXISTS', KEYS[2]) == 1 then return {'ended', h[1], h[2]} end
local now = now_ms()
local claim = read_claim(h[3], now)
local failed = math.max(count(h[4]), count(ARGV[7]))
if claim and claim.id == ARGV[2] then return {'claimed', failed} end
-- Who found no call may find one by now that somebody else's claim has begun for the very same turn.
local seen = (h[1] or '') == ARGV[1] or (claim and ARGV[1] == '' and h[1] == ARGV[8])
if not seen then return {'lost', h[1], h[2]} end
if claim then return {'busy', claim.id, claim.worker, claim.live and 1 or 0} end
if ARGV[5] == '1' then
  if failed >= count(ARGV[6]) then return {'spent', failed} end
  failed = failed + 1
end
local text = string.format('%.0f %s %s %s', now + ARGV[4], ARGV[4], ARGV[2], ARGV[3])
redis.call('HSET', key, 'c', text)
if failed > 0 then redis.call('HSET', key, 'f', failed) end
if not h[1] then redis.call('HSET', key, 'n', ARGV[8], 's', ARGV[9]) end
redis.call('PEXPIRE', key, ARGV[10])
return {'claimed', failed}
