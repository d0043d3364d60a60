-- Takes or renews the drain's lease.
--
-- KEYS  1 drain-lease
-- ARGV  1 token of the drain  2 ms until it expires
-- Returns 1 if this drain holds it now, 0 if another one does.

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
