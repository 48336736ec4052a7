-- The server's own clock, in milliseconds: workers' clocks never decide who may do what.
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- A claim is "deadline window id worker". It lives until its deadline; one whose deadline lies further ahead than its
-- whole window (the clock went back) is dead too: its turn is then told again rather than blocked for that long.
local function read_claim(text, now)
  if not text then return false end
  local deadline, window, id, worker = text:match('^(%d+) (%d+) (%S+) (%S+)$')
  if not id then return false end
  local left = tonumber(deadline) - now
  return {id = id, worker = worker, live = left > 0 and left <= tonumber(window)}
end

local function count(text)
  return tonumber((text or ''):match('^%d%d?%d?%d?%d?%d?$') or '') or 0
end
