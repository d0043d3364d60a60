-- Releases a drain's own lease, if the log is empty or `force` is set.
--
-- KEYS  1 drain-lease  2 log
-- ARGV  1 token of the drain  2 force ("1": hand over even though the log is not empty)
-- Returns 1 if the lease is free now, 0 if the log is not empty (continue draining), -1 if another drain holds it.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
if ARGV[2] ~= '1' and redis.call('XLEN', KEYS[2]) > 0 then return 0 end
redis.call('DEL', KEYS[1])
return 1
