-- Records one gateway's heartbeat, and removes dead gateways, so that their users do not stay online for ever.
-- Begins with watches.lua, announce.lua and counts.lua.
--
-- KEYS  1 epoch  2 gateways  3 online  4 channel of all gateways  5 users of this gateway
--       6 last seen, not in Postgres yet  7 number of changes of 3  8, 9 as in announce.lua
--       10 users that this gateway watches
-- ARGV  1 prefix  2 gateway  3 ms without a heartbeat after which a gateway is dead
--       4 msgpack {user, ...}: nobody at this gateway watches them any more
--       5 whether this is the first shard, which has 4, 6, 8 to 10
-- Returns msgpack {epoch or false, number of users of this gateway, number of users that it watches}.
-- Publishes {epoch, {{false, {5 (PRESENCE), user, 0, last_seen_ms}}, ...}} for users who went offline, to the gateways that watch
--   them.
-- Publishes {epoch, {{false, {43 (ROSTERS), 0}}}} to a removed gateway: if it lives, its rosters are empty now.

local epoch = redis.call('GET', KEYS[1])
local time, changes = redis.call('TIME'), {}
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local first = ARGV[5] == '1'
redis.call('ZADD', KEYS[2], now, ARGV[2])

if epoch then epoch = tonumber(string.match(epoch, '^%d+')) end

local function remove_counts(dead, users)
  local gone = {}
  for _, user in ipairs(users) do
    for _, id in ipairs(redis.call('SMEMBERS', ARGV[1] .. 'ug:' .. user)) do
      if not gone[id] then redis.call('HDEL', ARGV[1] .. 'gc:' .. id, dead) end
      gone[id] = true
    end
  end
  redis.call('PUBLISH', ARGV[1] .. 'to:' .. dead, cmsgpack.pack({epoch or 0, {{false, {43, 0}}}}))
end

if first then stop_watching(ARGV[1], ARGV[2], cmsgpack.unpack(ARGV[4])) end

local function remove(dead)
  count_change(KEYS[7], 'r-')
  local seen = tonumber(redis.call('ZSCORE', KEYS[2], dead))
  local users = redis.call('SMEMBERS', ARGV[1] .. 'g:' .. dead)
  remove_counts(dead, users)
  for _, user in ipairs(users) do
    local kept = list_without(redis.call('HGET', KEYS[3], user) or '', dead)
    if kept ~= '' then
      redis.call('HSET', KEYS[3], user, kept)
    elseif redis.call('HDEL', KEYS[3], user) == 1 then
      if first then redis.call('HSET', KEYS[6], user, string.format('%.0f', seen)) end
      changes[#changes + 1] = {false, {5, tonumber(user), 0, seen}}
    end
  end
  redis.call('DEL', ARGV[1] .. 'g:' .. dead)
  if first then forget_watches(ARGV[1], dead) end
  redis.call('ZREM', KEYS[2], dead)
end
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[3]))) do remove(dead) end
if first then announce(epoch, changes, ARGV[1], KEYS[4], KEYS[8], KEYS[9]) end
local watched = first and redis.call('SCARD', KEYS[10]) or 0
return cmsgpack.pack({epoch or false, redis.call('SCARD', KEYS[5]), watched})
