-- Takes tokens ahead of their use from many rate limits, independently of each other. If fewer are left than wanted,
-- fewer are granted. Begins with token_bucket.lua.
--
-- KEYS[i]       bucket i
-- ARGV[4i - 3]  microseconds until one token is refilled
-- ARGV[4i - 2]  the bucket's size in tokens
-- ARGV[4i - 1]  tokens that were used already and are charged even if none are left; below 0: tokens returned
-- ARGV[4i]      tokens wanted
-- Returns       {granted, wait, ...}: wait is 0 if some were granted or none were wanted, else the microseconds until
--               there is one

local now = now_us()
local answers = {}

for i, key in ipairs(KEYS) do
    local interval, burst = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2])
    local used, wanted = tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i])
    local full_at = math.max(bucket_full_at(key, now) + used * interval, now)
    local left = math.floor((now - full_at) / interval + burst)
    local granted = math.max(0, math.min(wanted, left))
    local wait = 0
    if granted > 0 then
        full_at = full_at + granted * interval
    elseif wanted > 0 then
        wait = math.ceil(full_at + interval - burst * interval - now)
    end
    if full_at > now then
        keep_bucket(key, full_at, now)
    else
        redis.call('DEL', key)
    end
    answers[2 * i - 1], answers[2 * i] = granted, wait
end
return answers
