-- For the scripts that change presence: the gateways with a session that watches a user.
-- <prefix>watched is a hash user -> gateways, separated by spaces. <prefix>gw:<gateway> is the set of users that it watches.

-- Returns names that are separated by spaces, without this one.
local function list_without(list, gateway)
  local kept = {}
  for name in string.gmatch(list, '%S+') do
    if name ~= gateway then kept[#kept + 1] = name end
  end
  return table.concat(kept, ' ')
end

local function stop_watching(prefix, gateway, users)
  for _, user in ipairs(users) do
    user = string.format('%.0f', user)
    local kept = list_without(redis.call('HGET', prefix .. 'watched', user) or '', gateway)
    if kept == '' then redis.call('HDEL', prefix .. 'watched', user) else redis.call('HSET', prefix .. 'watched', user, kept) end
    redis.call('SREM', prefix .. 'gw:' .. gateway, user)
  end
end

-- Removes all watches of a gateway that is gone.
local function forget_watches(prefix, gateway)
  local users = {}
  for i, user in ipairs(redis.call('SMEMBERS', prefix .. 'gw:' .. gateway)) do users[i] = tonumber(user) end
  stop_watching(prefix, gateway, users)
end

-- Returns gateway -> the changes of users whom it watches.
local function changes_by_watcher(prefix, changes)
  local found = {}
  for first = 1, #changes, 1000 do
    local users = {}
    for i = first, math.min(first + 999, #changes) do users[#users + 1] = string.format('%.0f', changes[i][2][2]) end
    for i, names in ipairs(redis.call('HMGET', prefix .. 'watched', unpack(users))) do
      for name in string.gmatch(names or '', '%S+') do
        found[name] = found[name] or {}
        table.insert(found[name], changes[first + i - 1])
      end
    end
  end
  return found
end

-- Publishes to the gateways that watch, or to all of them if all watch. Gateways of an older release register no
-- watches; while one is there, all gateways get it. If nobody receives a publication to a gateway, the gateway has lost
-- its subscription. It registers its watches again when it subscribes.
local function publish_to_watchers(epoch, changes, prefix, channel)
  local counted = redis.call('PUBSUB', 'NUMSUB', channel, prefix .. 'watching')
  local found, watching_all = changes_by_watcher(prefix, changes), 0
  for _, some in pairs(found) do
    if #some == #changes then watching_all = watching_all + 1 end
  end
  if counted[2] > counted[4] or (watching_all > 1 and watching_all >= counted[2]) then
    redis.call('PUBLISH', channel, cmsgpack.pack({epoch, changes}))
    return
  end
  for gateway, some in pairs(found) do
    if redis.call('PUBLISH', prefix .. 'to:' .. gateway, cmsgpack.pack({epoch, some})) == 0 then
      local users = {}
      for i, change in ipairs(some) do users[i] = change[2][2] end
      stop_watching(prefix, gateway, users)
    end
  end
end
