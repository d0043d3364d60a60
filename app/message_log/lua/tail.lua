-- Reads the records of some conversations that are accepted but not stored yet.
--
-- KEYS  1 log  2 version  3 memberships  4 epoch
-- ARGV  1 prefix  2.. conversation ids
-- Returns {version, epoch, entries of the log, {change, ...}, conversation, {record, ...}, ...}: the membership changes of
-- all conversations, and the records, packed as they were logged, of each given conversation that has any. `version` is
-- the last assigned version: every record up to it is in a tail now, or was in Postgres before.
-- If the epoch was given up, what is still in the log is lost: `epoch` is 0, and no entries and records are returned.

local epoch = redis.call('GET', KEYS[4])
local number = epoch and tonumber(string.match(epoch, '^%d+')) or 0
local found = {redis.call('GET', KEYS[2]) or '0', number, epoch and redis.call('XLEN', KEYS[1]) or 0, {}}
if found[3] == 0 then return found end
found[4] = redis.call('LRANGE', KEYS[3], 0, -1)
for i = 2, #ARGV do
  local records = redis.call('LRANGE', ARGV[1] .. 't:' .. ARGV[i], 0, -1)
  if #records > 0 then
    found[#found + 1] = tonumber(ARGV[i])
    found[#found + 1] = records
  end
end
return found
