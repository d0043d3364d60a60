-- Notes where users hold sessions, for a batch of changes, and announces who came or went.
--
-- KEYS  1 epoch  2 version  3 online  4 users of this gateway  5 channel of all gateways
--       6 last seen, not in Postgres yet  7 how often 3 has changed
-- ARGV  1 gateway  2 msgpack: {{1, user} came to this gateway | {0, user, last seen ms} left it, ...}
-- Returns msgpack {epoch, version, results}: version is the last one given out, so whoever came now is sent every later
--   one; a result is 1 where the user was offline before (or is now). {false} where there is no epoch.
-- Announces {epoch, {{false, {5, user, online, last_seen_ms}}, ...}} to all gateways, once for the batch.

local epoch = redis.call('GET', KEYS[1])
if not epoch then return cmsgpack.pack({false}) end
epoch = tonumber(string.match(epoch, '^%d+'))
local gateway, results, news = ARGV[1], {}, {}

local function without(list)
  local kept = {}
  for name in string.gmatch(list, '%S+') do
    if name ~= gateway then kept[#kept + 1] = name end
  end
  return table.concat(kept, ' ')
end

redis.call('INCR', KEYS[7])
for i, change in ipairs(cmsgpack.unpack(ARGV[2])) do
  local user = change[2]
  local before = redis.call('HGET', KEYS[3], user) or ''
  local others = without(before)
  results[i] = 0
  if change[1] == 1 then
    redis.call('HSET', KEYS[3], user, others == '' and gateway or (others .. ' ' .. gateway))
    redis.call('SADD', KEYS[4], user)
    if before == '' then results[i] = 1; news[#news + 1] = {false, {5, user, 1, 0}} end
  else
    redis.call('SREM', KEYS[4], user)
    if others ~= '' then
      redis.call('HSET', KEYS[3], user, others)
    elseif before ~= '' then
      redis.call('HDEL', KEYS[3], user)
      redis.call('HSET', KEYS[6], user, string.format('%.0f', change[3]))
      results[i] = 1
      news[#news + 1] = {false, {5, user, 0, change[3]}}
    end
  end
end
if #news > 0 then redis.call('PUBLISH', KEYS[5], cmsgpack.pack({epoch, news})) end
return cmsgpack.pack({epoch, tonumber(redis.call('GET', KEYS[2]) or '0'), results})
