-- Takes one token from each of several rate limits, or from none (generic cell rate algorithm: a token bucket in one
-- number).
--
-- KEYS[i]       string: the time, in microseconds, when bucket i is full again; expires then
-- ARGV[2i - 1]  microseconds until one token is refilled
-- ARGV[2i]      the bucket's size in tokens
-- Returns       0 if all were granted, else the microseconds until all can be granted (nothing was taken)
--
-- The clock is that of Redis, so that web processes with skewed clocks share one limit.

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local wait = 0
local full_at = {}

for i, key in ipairs(KEYS) do
    local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local from = math.max(tonumber(redis.call('GET', key) or now), now)
    full_at[i] = from + interval
    wait = math.max(wait, full_at[i] - interval * burst - now)
end

if wait > 0 then
    return wait
end
for i, key in ipairs(KEYS) do
    local lifetime = math.ceil((full_at[i] - now) / 1000)
    redis.call('SET', key, string.format('%.0f', full_at[i]), 'PX', lifetime)
end
return 0
