-- Token buckets, each kept as one number: the time, in microseconds, when it is full again (generic cell rate
-- algorithm). The key expires at that time. The clock is that of Redis, so that web processes with skewed clocks share
-- one limit.

local function now_us()
  local clock = redis.call('TIME')
  return clock[1] * 1000000 + clock[2]
end

-- Returns when the bucket is full again
local function bucket_full_at(key, now)
  return math.max(tonumber(redis.call('GET', key) or now), now)
end

local function keep_bucket(key, full_at, now)
  redis.call('SET', key, string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000))
end
