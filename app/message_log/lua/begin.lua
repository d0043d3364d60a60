-- Sets the epoch, unless Redis has the same or a later one.
--
-- KEYS  1 epoch
-- ARGV  1 its number  2 "<number>:<started ms>"
-- Returns the value that is now set.

local found = redis.call('GET', KEYS[1])
if found and tonumber(string.match(found, '^%d+')) >= tonumber(ARGV[1]) then return found end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
