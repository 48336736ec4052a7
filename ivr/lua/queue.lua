-- The queue of one group of agents. KEYS, in one slot: order (places by when they were taken), due (places by when they have
-- to be looked at again), states, cards, answers (when humans answered, the latest first). ARGV: what is done, ms since
-- 1970, the call, then what that needs. A place is waiting, aside (its caller may come back, nobody can take it),
-- ringing (an agent's phone rings for it), speaking or done; what is due by now is done before anything else.
local order, due, states, cards, answers = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local act, now, call = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local VANISHED, ASIDE, RINGING, SPEAKING, CALLBACK = 90000, 120000, 45000, 4 * 3600000, 7 * 24 * 3600000
local DONE = 60000
local ANSWERS, RECENT, LONGEST = 20, 30 * 60000, 8 * 24 * 3600000

local function ms(number) return string.format('%.0f', number) end

local function kept_of(id)
  local text = redis.call('HGET', states, id)
  return text and cjson.decode(text) or nil
end

local function place_of(id)
  local place = kept_of(id)
  return place and place.state ~= 'done' and place or nil
end

local function put(id, place, state, agent)
  if place.state ~= state then place.since = now end
  place.state, place.agent = state, agent or ''
  redis.call('HSET', states, id, cjson.encode(place))
  if state == 'waiting' or state == 'aside' then
    redis.call('ZADD', order, ms(place.joined), id)
  else
    redis.call('ZREM', order, id)
  end
  local ends = place.seen + (place.kind == 'callback' and CALLBACK or VANISHED)
  if state == 'aside' then ends = place.since + ASIDE end
  if state == 'ringing' then ends = now + RINGING end
  if state == 'speaking' then ends = now + SPEAKING end
  if state == 'done' then ends = now + DONE end
  redis.call('ZADD', due, ms(ends), id)
end

local function drop(id)
  redis.call('ZREM', order, id)
  redis.call('ZREM', due, id)
  redis.call('HDEL', cards, id)
  return redis.call('HDEL', states, id)
end

-- Back where it was, unless its caller has hung up meanwhile.
local function return_to_queue(id, place)
  if place.kind == 'callback' or place.seen + VANISHED > now then
    put(id, place, 'waiting')
    return 1
  end
  drop(id)
  return 0
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', ms(now))) do
  local place = place_of(id)
  if place and place.state == 'ringing' then return_to_queue(id, place) else drop(id) end
end

-- No key outlives its last place by more than a little.
local function keep()
  local last = redis.call('ZREVRANGE', due, 0, 0, 'WITHSCORES')[2]
  if not last then return end
  local left = ms(math.min(math.max(tonumber(last) - now, 0) + 2 * VANISHED, LONGEST))
  for place = 1, 4 do redis.call('PEXPIRE', KEYS[place], left) end
end

local function standing(id, place)
  local recent, first = 0, now
  for _, at in ipairs(redis.call('LRANGE', answers, 0, -1)) do
    at = tonumber(at)
    if at <= now and at > now - RECENT then recent, first = recent + 1, math.min(first, at) end
  end
  return {place.state, ms(place.joined), redis.call('ZRANK', order, id) or 0, recent, ms(first)}
end

local function shown(id) return {id, redis.call('HGET', states, id), redis.call('HGET', cards, id) or ''} end

-- The place that an agent's phone rings for, if there is one: an agent has one at a time.
local function rung_by(agent)
  for _, id in ipairs(redis.call('ZRANGE', due, 0, -1)) do
    local place = place_of(id)
    if place and place.state == 'ringing' and place.agent == agent then return id end
  end
end

local function first_in_order(callbacks)
  for _, id in ipairs(redis.call('ZRANGE', order, 0, -1)) do
    local place = place_of(id)
    if place and place.state == 'waiting' and (callbacks or place.kind == 'call') then return id end
  end
end

local acts = {}

function acts.join(joined, card, entered)
  local place = kept_of(call)
  if place and (place.state == 'speaking' or place.state == 'done') then
    -- A round of the wait that this talk has ended may come late; whoever comes later waits anew.
    if tonumber(entered) < place.since then return {'speaking', ms(place.joined), 0, 0, ms(now)} end
    place = nil
  end
  if not place then place = {joined = tonumber(joined), since = now} end
  place.kind, place.seen = 'call', now
  redis.call('HSET', cards, call, card)
  local ringing = place.state == 'ringing'
  if ringing then redis.call('HSET', states, call, cjson.encode(place)) else put(call, place, 'waiting') end
  return standing(call, place)
end

function acts.look()
  local place = place_of(call)
  if not place then return false end
  if place.state ~= 'waiting' then return standing(call, place) end
  place.seen = now
  put(call, place, 'waiting')
  return standing(call, place)
end

-- The agent whose phone rings for a caller who leaves, and so in vain; of a callback the caller need not be there.
local function rung_in_vain(place)
  return place and place.state == 'ringing' and place.kind == 'call' and place.agent or ''
end

function acts.aside()
  local place = place_of(call)
  if not place or place.state == 'speaking' then return false end
  local agent = rung_in_vain(place)
  put(call, place, 'aside')
  return agent
end

-- Its place is its own: the caller may wait again beside it. One that was booked before stays as it is.
function acts.callback(joined, card, own)
  local before, place = place_of(call), place_of(own)
  drop(call)
  if place then return standing(own, place) end
  place = {joined = before and before.joined or tonumber(joined), kind = 'callback', seen = now}
  redis.call('HSET', cards, own, card)
  put(own, place, 'waiting')
  return standing(own, place)
end

function acts.leave()
  local agent = rung_in_vain(place_of(call))
  return drop(call) == 1 and agent
end

function acts.take(agent, callbacks)
  local id = rung_by(agent)
  if id then return shown(id) end
  if call == '' then id = first_in_order(callbacks == '1') else id = call end
  local place = id and place_of(id)
  if not place or place.state ~= 'waiting' then return false end
  put(id, place, 'ringing', agent)
  return shown(id)
end

function acts.keep_ringing(agent)
  local place = place_of(call)
  if not place or place.state ~= 'ringing' or place.agent ~= agent then return 0 end
  put(call, place, 'ringing', agent)
  return 1
end

function acts.give_back(agent)
  local place = place_of(call)
  if not place or place.state ~= 'ringing' or (agent ~= '' and place.agent ~= agent) then return 0 end
  return return_to_queue(call, place)
end

function acts.bridged(agent)
  local place = place_of(call)
  if not place or place.state == 'speaking' then return 0 end
  put(call, place, 'speaking', agent ~= '' and agent or place.agent)
  redis.call('LPUSH', answers, ms(now))
  redis.call('LTRIM', answers, 0, ANSWERS - 1)
  redis.call('PEXPIRE', answers, RECENT)
  return 1
end

function acts.hand_over(to)
  local place = place_of(call)
  if not place or place.state ~= 'speaking' then return 0 end
  place.to = to
  redis.call('HSET', states, call, cjson.encode(place))
  return 1
end

-- Known for a little longer: the webhook that asks for it may come again, and a round of the wait late.
function acts.done()
  local place = kept_of(call)
  if not place then return '' end
  if place.state ~= 'done' then put(call, place, 'done', place.agent) end
  return place.to or ''
end

function acts.card()
  return place_of(call) and shown(call) or false
end

function acts.list()
  local all = {}
  for _, id in ipairs(redis.call('HKEYS', states)) do
    if place_of(id) then all[#all + 1] = shown(id) end
  end
  return all
end

local answer = acts[act](ARGV[4], ARGV[5], ARGV[6])
keep()
return answer
