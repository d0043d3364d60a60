-- Takes or keeps the drain's lease.
--
-- KEYS  1 drain-lease
-- ARGV  1 token of the drain  2 ms it lasts
-- Returns 1 where it is ours now, 0 where another drain holds it.

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
