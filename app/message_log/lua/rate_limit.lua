-- Takes one token from each of several rate limits, or from none. Begins with token_bucket.lua.
--
-- KEYS[i]       bucket i
-- ARGV[2i - 1]  microseconds until one token is refilled
-- ARGV[2i]      the bucket's size in tokens
-- Returns       0 if all were granted, else the microseconds until all can be granted (nothing was taken)

local now = now_us()
local wait = 0
local full_at = {}

for i, key in ipairs(KEYS) do
    local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    full_at[i] = bucket_full_at(key, now) + interval
    wait = math.max(wait, full_at[i] - interval * burst - now)
end

if wait > 0 then
    return wait
end
for i, key in ipairs(KEYS) do
    keep_bucket(key, full_at[i], now)
end
return 0
