-- Count the places taken in a sliding window, changing nothing. KEYS: the counter, the epoch of its share. ARGV: window
-- in ms. Distinct values are not told apart: for counters that count every reservation by itself.
if redis.call('EXISTS', KEYS[2]) == 0 then return {'lost', 0} end
return {'counted', redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now_ms() - tonumber(ARGV[1])), '+inf')}
