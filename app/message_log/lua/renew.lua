-- Renews the drain's lease. May also take it if nobody holds it.
--
-- KEYS  1 drain-lease
-- ARGV  1 token of the drain  2 ms until it expires  3 take ("1": take it if nobody holds it)
-- Returns 1 if this drain holds it now, 0 if another one does.

local holder = redis.call('GET', KEYS[1])
if holder ~= ARGV[1] and (holder or ARGV[3] ~= '1') then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
