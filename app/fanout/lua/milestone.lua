-- Moves sessions to a milestone. Begins with milestones.lua.
--
-- KEYS  1 epoch  2 version  3 online  4 channel of this gateway  5 kept milestone
-- ARGV  1 gateway  2.. users
-- Returns 1, or 0 if there is no epoch.
-- Publishes {epoch, {{users, {44 (MILESTONE), version}}}} to this gateway, for those of the users who have a session there. It
--   comes as their events do: behind all of them up to this version, and behind the notice FORGOTTEN if it is due.

local epoch = redis.call('GET', KEYS[1])
if not epoch then return 0 end
local here, gateway = {}, ' ' .. ARGV[1] .. ' '
for i, where in ipairs(redis.call('HMGET', KEYS[3], unpack(ARGV, 2))) do
  if where and string.find(' ' .. where .. ' ', gateway, 1, true) then here[#here + 1] = tonumber(ARGV[i + 1]) end
end
if #here == 0 then return 1 end
local version = passed_milestone(tonumber(redis.call('GET', KEYS[2]) or '0'), KEYS[5])
redis.call('PUBLISH', KEYS[4], cmsgpack.pack({tonumber(string.match(epoch, '^%d+')), {{here, {44, version}}}}))
return 1
