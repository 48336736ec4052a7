-- The call to an agent's phone that is going on for a caller. KEYS: the caller's. ARGV: what is done, the id of the
-- leg, then what that needs. A leg is current until it ends, or another one begins for the same caller; its CallSid is
-- bound by whoever is first to tell it.
local act, id = ARGV[1], ARGV[2]
local kept = redis.call('HMGET', KEYS[1], 'id', 'agent', 'sid', 'sealed', 'through')

local acts = {}

-- Tells whether it began, and of the leg that was current before the CallSid and the agent. For the same agent a second
-- one never begins beside the first, and where it is `alone` not for another agent either.
function acts.begin(agent, alone, sealed, ms)
  if kept[1] and (kept[2] == agent or alone == '1') then return {0, kept[3] or '', kept[2] or ''} end
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'id', id, 'agent', agent, 'sid', '', 'sealed', sealed)
  redis.call('PEXPIRE', KEYS[1], ms)
  return {1, kept[3] or '', kept[2] or ''}
end

-- Gives what is kept with the leg, where it is current and this is its CallSid; it then lives on for so long at least.
-- `through` notes that the agent took the call.
function acts.bind(sid, ms, through)
  if kept[1] ~= id or (kept[3] ~= '' and kept[3] ~= sid) then return false end
  redis.call('HSET', KEYS[1], 'sid', sid)
  if through == '1' then redis.call('HSET', KEYS[1], 'through', through) end
  if redis.call('PTTL', KEYS[1]) < tonumber(ms) then redis.call('PEXPIRE', KEYS[1], ms) end
  return kept[4]
end

-- Tells whether it was current. How it ended is known for a little longer, to whoever asks for this agent's: as is told,
-- or whether the agent took the call.
function acts.finish(how, ms)
  if kept[1] ~= id then return 0 end
  if how == '' then how = kept[5] and 'over' or 'not_taken' end
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'ended', how, 'whose', kept[2])
  redis.call('PEXPIRE', KEYS[1], ms)
  return 1
end

-- Tells how an agent's leg ended, or that it goes on; nothing where neither is known.
function acts.how(agent)
  if kept[1] then return kept[2] == agent and 'goes_on' or '' end
  local ended = redis.call('HMGET', KEYS[1], 'ended', 'whose')
  return ended[2] == agent and ended[1] or ''
end

-- Gives the CallSid of an agent's leg; with `drop` it is current no more.
function acts.of(agent, drop)
  if kept[2] ~= agent then return '' end
  if drop == '1' then redis.call('DEL', KEYS[1]) end
  return kept[3]
end

return acts[act](ARGV[3], ARGV[4], ARGV[5], ARGV[6])
