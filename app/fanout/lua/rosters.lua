-- Sends a gateway all its rosters, after its subscription was broken. Begins with counts.lua.
--
-- KEYS  1 epoch  2 users of this gateway  3 channel of this gateway  4 number of changes of presence
-- ARGV  1 prefix
-- Returns 1, or 0 if there is no epoch.
-- Publishes {epoch, {{users, {40 (ROSTER), conversation, build, 1}}, ..., {false, {43 (ROSTERS), 1}}}} to this gateway.

local epoch = redis.call('GET', KEYS[1])
if not epoch then return 0 end
local moves = redis.call('MGET', KEYS[4], KEYS[4] .. '-counted')
local others = tonumber(moves[1] or '0') - tonumber(moves[2] or '0')
local items, users_of = {}, {}
for _, user in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local groups = large_groups_of(ARGV[1], user, others)
  for i = 1, #groups, 2 do
    local build = groups[i + 1]
    if not users_of[build] then
      users_of[build] = {}
      items[#items + 1] = {users_of[build], {40, groups[i], build, 1}}
    end
    table.insert(users_of[build], tonumber(user))
  end
end
items[#items + 1] = {false, {43, 1}}
redis.call('PUBLISH', KEYS[3], cmsgpack.pack({tonumber(string.match(epoch, '^%d+')), items}))
return 1
