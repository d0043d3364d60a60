-- For the scripts that change presence. Comes after watches.lua.

-- Publishes who came online or went offline to the gateways that watch them, and records it for the feed while a host gets
-- events.
-- changes: {{false, {5 (PRESENCE), user, online, last_seen_ms}}, ...}
-- fed: the key that is set while a host gets events. recorded: the list that tasks move into the feed.
local function announce(epoch, changes, prefix, channel, fed, recorded)
  if #changes == 0 then return end
  publish_to_watchers(epoch, changes, prefix, channel)
  if redis.call('EXISTS', fed) == 0 then return end
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  for _, change in ipairs(changes) do
    redis.call('RPUSH', recorded, string.format('%.0f %d %.0f %.0f', change[2][2], change[2][3], now, change[2][4]))
  end
  redis.call('LTRIM', recorded, -100000, -1)
end
