-- Takes one unit from each of several rate limits, or from none (generic cell rate algorithm: a token bucket in one number).
--
-- KEYS[i]       string: the time, in microseconds, at which limit i is full again; expires then
-- ARGV[2i - 1]  microseconds that one unit takes to come back
-- ARGV[2i]      how many units may be taken at once
-- Returns       0 where all were granted, else the microseconds until all would be (nothing was taken)
--
-- The clock is Redis', so that web processes with skewed clocks share one limit.

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
