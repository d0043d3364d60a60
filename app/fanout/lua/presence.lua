-- Records at which gateways users have sessions, for a batch of changes, and publishes who came online or went offline.
-- Begins with token_bucket.lua (message_log), watches.lua, announce.lua, counts.lua and milestones.lua.
--
-- KEYS  1 epoch  2 version  3 online  4 users of this gateway  5 channel of all gateways
--       6 last seen, not in Postgres yet  7 number of changes of 3  8 channel of this gateway
--       9, 10 as in announce.lua
--       11 kept milestone, if there are several shards
-- ARGV  1 gateway
--       2 msgpack: {{1, user, known, new} has a session here | {0, user, last seen ms} has none any more, ...}
--         known is 1 if an older session of the user may be here, which counts on being registered
--         new is 1 if a session joins, which takes a token of the user's bucket
--       3 prefix  4 microseconds until one token is refilled, 0 for no limit  5 the bucket's size in tokens
--       6 whether this is the first shard, which has 5, 6, 9 and 10, and the watches
-- Returns msgpack {epoch, version, results}, or {false} if there is no epoch. version is the last assigned version, or a later
--   milestone: this gateway gets every later record for the users who came online. A result is 1 if the user was offline before (or is
--   offline now). If a join found the bucket empty, nothing was done for it, and its result is below 0: minus the
--   microseconds until there is a token.
-- Publishes {epoch, {{false, {5 (PRESENCE), user, online, last_seen_ms}}, ...}} to each gateway that watches one of the users,
--   once per batch.
-- Publishes {0, {{false, {25 (FORGOTTEN), {user, ...}}}}} to this gateway for known users who were not registered: their
--   sessions missed what was published meanwhile. The notice comes before everything that is published from now on.
-- Publishes {epoch, {{{user}, {42 (ROSTERS_OF), {conversation, build, ...}}}, ...}} to this gateway for users who may be in
--   large conversations: their places in its rosters. The list is empty for users who have no session here any more.

local epoch = redis.call('GET', KEYS[1])
if not epoch then return cmsgpack.pack({false}) end
epoch = tonumber(string.match(epoch, '^%d+'))
local gateway, prefix, results, changes, forgotten, rosters = ARGV[1], ARGV[3], {}, {}, {}, {}
local keeps_rosters, joined = string.sub(gateway, 1, 2) == 'r-', false

local others = count_change(KEYS[7], gateway)
local interval, burst, first = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1'

-- Takes a token for a join of the user. Returns 0, or the microseconds until there is one
local function wait_to_join(user)
  if interval == 0 then return 0 end
  local now, bucket = now_us(), prefix .. 'rate:joins:' .. string.format('%d', user)
  local full_at = bucket_full_at(bucket, now) + interval
  local wait = full_at - interval * burst - now
  if wait > 0 then return wait end
  keep_bucket(bucket, full_at, now)
  return 0
end

-- Moves the counts and the rosters of this gateway. came: whether the user has a session here now
local function move(user, was_here, came)
  local groups, noted = large_groups_of(prefix, string.format('%d', user), others)
  if not noted then return end
  if came ~= was_here then move_counts(prefix, gateway, groups, came and 1 or -1) end
  rosters[#rosters + 1] = {{user}, {42, came and groups or {}}}
end

for i, operation in ipairs(cmsgpack.unpack(ARGV[2])) do
  local user = operation[2]
  local before = redis.call('HGET', KEYS[3], user) or ''
  local elsewhere = list_without(before, gateway)
  results[i] = 0
  local wait = operation[1] == 1 and operation[4] == 1 and wait_to_join(user) or 0
  if wait > 0 then
    results[i] = -wait
  elseif operation[1] == 1 then
    joined = joined or operation[4] == 1
    redis.call('HSET', KEYS[3], user, elsewhere == '' and gateway or (elsewhere .. ' ' .. gateway))
    local added = redis.call('SADD', KEYS[4], user)
    if added == 1 and operation[3] == 1 then forgotten[#forgotten + 1] = user end
    if before == '' then results[i] = 1; changes[#changes + 1] = {false, {5, user, 1, 0}} end
  else
    redis.call('SREM', KEYS[4], user)
    if elsewhere ~= '' then
      redis.call('HSET', KEYS[3], user, elsewhere)
    elseif before ~= '' then
      redis.call('HDEL', KEYS[3], user)
      if first then redis.call('HSET', KEYS[6], user, string.format('%.0f', operation[3])) end
      results[i] = 1
      changes[#changes + 1] = {false, {5, user, 0, operation[3]}}
    end
  end
  if keeps_rosters and wait == 0 then move(user, #elsewhere < #before, operation[1] == 1) end
end
if #forgotten > 0 then redis.call('PUBLISH', KEYS[8], cmsgpack.pack({0, {{false, {25, forgotten}}}})) end
if #rosters > 0 then redis.call('PUBLISH', KEYS[8], cmsgpack.pack({epoch, rosters})) end
if first then announce(epoch, changes, prefix, KEYS[5], KEYS[9], KEYS[10]) end
local version = tonumber(redis.call('GET', KEYS[2]) or '0')
if joined and KEYS[11] then version = math.max(version, passed_milestone(version, KEYS[11])) end
return cmsgpack.pack({epoch, version, results})
