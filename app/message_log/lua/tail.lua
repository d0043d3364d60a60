-- What is accepted but not stored yet, of some conversations.
--
-- KEYS  1 log  (names the slot)
-- ARGV  1 prefix  2.. conversation ids
-- Returns {conversation, {record, ...}, ...} for those that have something, records packed as append.lua packs them.

local found = {}
if redis.call('XLEN', KEYS[1]) == 0 then return found end
for i = 2, #ARGV do
  local records = redis.call('LRANGE', ARGV[1] .. 't:' .. ARGV[i], 0, -1)
  if #records > 0 then
    found[#found + 1] = tonumber(ARGV[i])
    found[#found + 1] = records
  end
end
return found
