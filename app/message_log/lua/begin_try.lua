-- Counts one try of a password as a failure, unless earlier failures still delay it. A success deletes the key.
--
-- KEYS[1]  hash: n (failures), wait_until (microseconds)
-- ARGV[1]  the failure from which delays begin
-- ARGV[2]  milliseconds after which failures are forgotten
-- ARGV[3…] the delay after that failure, after the next one, …, in microseconds; the last one stays
-- Returns  0 if the password may be tried, else the microseconds to wait
--
-- A try is counted before its password is checked. Otherwise many tries at once would all pass.

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local n, wait_until = unpack(redis.call('HMGET', KEYS[1], 'n', 'wait_until'))
wait_until = tonumber(wait_until or 0)
if wait_until > now then
    return wait_until - now
end

local failures = tonumber(n or 0) + 1
local step = failures - tonumber(ARGV[1])
local delay = step < 0 and 0 or tonumber(ARGV[3 + math.min(step, #ARGV - 3)])
redis.call('HSET', KEYS[1], 'n', failures, 'wait_until', string.format('%.0f', now + delay))
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]) + math.ceil(delay / 1000))
return 0
