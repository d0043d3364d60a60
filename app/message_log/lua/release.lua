-- Ends a drain: gives its lease back, but only while the log is empty or `force` is set, and only its own.
--
-- KEYS  1 drain-lease  2 log
-- ARGV  1 token of the drain  2 force ("1": hand over even though the log is not empty)
-- Returns 1 where the lease is free now, 0 where something came meanwhile (go on draining), -1 where it was not ours.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
if ARGV[2] ~= '1' and redis.call('XLEN', KEYS[2]) > 0 then return 0 end
redis.call('DEL', KEYS[1])
return 1
