-- For the scripts that move sessions to a milestone: a version that is a multiple of MILESTONE, so that the positions of idle
-- shards are equal (docs/decisions/shards.md). MILESTONE and MARGIN come from app/fanout/milestones.py.

-- Returns the greatest milestone that this shard has passed: everything up to it was published before, and later versions
-- are greater. If the last version is below it, the milestone is kept for log.lua, because the clock may be set back. A
-- milestone is at least MARGIN in the past then, in case what is kept here gets lost.
-- version: the last assigned one. key: the kept milestone
local function passed_milestone(version, key)
  local time, kept = redis.call('TIME'), tonumber(redis.call('GET', key) or '0')
  local passed = math.max(version, tonumber(time[1]) * 1000000 + tonumber(time[2]) - MARGIN)
  passed = math.max(passed - passed % MILESTONE, kept)
  if passed > version and passed > kept then redis.call('SET', key, string.format('%.0f', passed)) end
  return passed
end
