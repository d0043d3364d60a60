-- Takes tokens ahead of their use from many rate limits, independently of each other (generic cell rate algorithm: a
-- token bucket in one number). If fewer are left than wanted, fewer are granted.
--
-- KEYS[i]       string: the time, in microseconds, when bucket i is full again; expires then
-- ARGV[4i - 3]  microseconds until one token is refilled
-- ARGV[4i - 2]  the bucket's size in tokens
-- ARGV[4i - 1]  tokens that were used already and are charged even if none are left; below 0: tokens returned
-- ARGV[4i]      tokens wanted
-- Returns       {granted, wait, ...}: wait is 0 if some were granted or none were wanted, else the microseconds until
--               there is one
--
-- The clock is that of Redis, so that web processes with skewed clocks share one limit.

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local answers = {}

for i, key in ipairs(KEYS) do
    local interval, burst = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2])
    local used, wanted = tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i])
    local from = math.max(tonumber(redis.call('GET', key) or now), now)
    local full_at = math.max(from + used * interval, now)
    local left = math.floor((now - full_at) / interval + burst)
    local granted = math.max(0, math.min(wanted, left))
    local wait = 0
    if granted > 0 then
        full_at = full_at + granted * interval
    elseif wanted > 0 then
        wait = math.ceil(full_at + interval - burst * interval - now)
    end
    local lifetime = math.ceil((full_at - now) / 1000)
    if lifetime > 0 then
        redis.call('SET', key, string.format('%.0f', full_at), 'PX', lifetime)
    else
        redis.call('DEL', key)
    end
    answers[2 * i - 1], answers[2 * i] = granted, wait
end
return answers
