-- The call to an agent's phone that is going on for a caller. KEYS: the caller's. ARGV: what is done, the id of the
-- leg, then what that needs. A leg is current until it ends, or another one begins for the same caller; its CallSid is
-- bound by whoever is first to tell it.
local act, id = ARGV[1], ARGV[2]
local kept = redis.call('HMGET', KEYS[1], 'id', 'agent', 'sid', 'sealed')

local acts = {}

-- Tells whether it began, and the CallSid of the leg that was current before. For the same agent a second one never
-- begins beside the first, and where it is `alone` not for another agent either.
function acts.begin(agent, alone, sealed, ms)
  if kept[1] and (kept[2] == agent or alone == '1') then return {0, kept[3] or ''} end
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'id', id, 'agent', agent, 'sid', '', 'sealed', sealed)
  redis.call('PEXPIRE', KEYS[1], ms)
  return {1, kept[3] or ''}
end

-- Gives what is kept with the leg, where it is current and this is its CallSid; it then lives on for so long at least.
function acts.bind(sid, ms)
  if kept[1] ~= id or (kept[3] ~= '' and kept[3] ~= sid) then return false end
  redis.call('HSET', KEYS[1], 'sid', sid)
  if redis.call('PTTL', KEYS[1]) < tonumber(ms) then redis.call('PEXPIRE', KEYS[1], ms) end
  return kept[4]
end

-- Tells whether it was current.
function acts.finish()
  return kept[1] == id and redis.call('DEL', KEYS[1]) or 0
end

-- Gives the CallSid of an agent's leg; with `drop` it is current no more.
function acts.of(agent, drop)
  if kept[2] ~= agent then return '' end
  if drop == '1' then redis.call('DEL', KEYS[1]) end
  return kept[3]
end

return acts[act](ARGV[3], ARGV[4], ARGV[5], ARGV[6])
