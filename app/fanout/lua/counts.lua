-- For the scripts that change presence: the counts and rosters of large conversations (app/message_log/lua/large.lua).

-- Counts a change of presence. Gateways that keep no rosters move no counts; then the two numbers move apart.
-- places: the key with the number of changes. Returns the difference.
local function count_change(places, gateway)
  local changes = redis.call('INCR', places)
  if string.sub(gateway, 1, 2) == 'r-' then return changes - redis.call('INCR', places .. '-counted') end
  return changes - tonumber(redis.call('GET', places .. '-counted') or '0')
end

-- Returns the large conversations of a user as {id, build, ...}, without those that have no valid counts, and whether there
-- were any notes. A note of a conversation that is not loaded must stay: it may be being loaded.
local function large_groups_of(prefix, user, others)
  local found, notes = {}, redis.call('SMEMBERS', prefix .. 'ug:' .. user)
  for _, id in ipairs(notes) do
    if redis.call('SISMEMBER', prefix .. 'cm:' .. id, user) == 1 then
      local made = redis.call('HMGET', prefix .. 'gc:' .. id, '#build', '#others')
      if made[1] and tonumber(made[2]) == others then
        found[#found + 1], found[#found + 2] = tonumber(id), tonumber(made[1])
      end
    elseif redis.call('EXISTS', prefix .. 'cm:' .. id) == 1 then
      redis.call('SREM', prefix .. 'ug:' .. user, id)
    end
  end
  return found, #notes > 0
end

-- Moves a gateway's counts for a user who came (by 1) or went (by -1). groups: of large_groups_of
local function move_counts(prefix, gateway, groups, by)
  for i = 1, #groups, 2 do
    local counts = prefix .. 'gc:' .. string.format('%.0f', groups[i])
    if redis.call('HINCRBY', counts, gateway, by) <= 0 then redis.call('HDEL', counts, gateway) end
  end
end
