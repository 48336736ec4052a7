-- Move a call to its next turn. KEYS: the call, its tombstone, its new password, and where it ends what is left of it.
-- ARGV: the turn it was seen at ('' none), claim id ('' none), new turn, digest of the awaited token, session, reply,
-- least failed credentials, how many are given back, ms to keep the call, 1 ends it, ms to keep the tombstone; where it
-- ends, what is left of it for its record ('' nothing) and ms to keep that.
local key, tombstone = KEYS[1], KEYS[2]
local h = redis.call('HMGET', key, 'n', 'r', 'c', 'f')
if redis.call('EXISTS', tombstone) == 1 then return {'ended', h[1], h[2]} end
local claim = read_claim(h[3], now_ms())
if ARGV[2] ~= '' then
  -- Every commit clears the claim, so whoever still holds it stands at the turn that it claimed.
  if not claim or claim.id ~= ARGV[2] then return {'lost', h[1], h[2]} end
else
  local seen = (h[1] or '') == ARGV[1]
  -- Who found no call may find one by now that somebody else's claim has begun: it has no reply yet.
  if claim and claim.live and (seen or not h[2]) then return {'claimed', h[1], h[2]} end
  if not seen then return {'lost', h[1], h[2]} end
end
if ARGV[10] == '1' then
  redis.call('SET', tombstone, '', 'PX', ARGV[11])
  redis.call('DEL', key, KEYS[3])
  redis.call('HSET', key, 'n', ARGV[3], 'r', ARGV[6])
  redis.call('PEXPIRE', key, ARGV[9])
  if ARGV[12] ~= '' then
    redis.call('RPUSH', KEYS[4], ARGV[12])
    redis.call('PEXPIRE', KEYS[4], ARGV[13])
  end
  return {'committed', 0}
end
local failed = count(h[4])
failed = math.max(0, failed - count(ARGV[8]))
failed = math.max(failed, count(ARGV[7]))
-- What takes room comes first: a Redis that is full refuses only the first write of a script.
redis.call('HSET', key, 'n', ARGV[3], 't', ARGV[4], 's', ARGV[5], 'r', ARGV[6])
-- A field takes 56 bytes, however short: none is kept that says nothing.
redis.call('HDEL', key, 'c', 'f')
if failed > 0 then redis.call('HSET', key, 'f', failed) end
redis.call('PEXPIRE', key, ARGV[9])
return {'committed', failed}
