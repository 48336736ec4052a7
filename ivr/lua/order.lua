-- Put standing orders in force. KEYS: the orders. ARGV: their number, the orders, sealed. What is there stays where its
-- number is the same or higher. Gives the number and the orders that are then in force.
local h = redis.call('HMGET', KEYS[1], 'n', 'o')
if tonumber(h[1] or '0') >= tonumber(ARGV[1]) then return h end
redis.call('HSET', KEYS[1], 'n', ARGV[1], 'o', ARGV[2])
return {ARGV[1], ARGV[2]}
