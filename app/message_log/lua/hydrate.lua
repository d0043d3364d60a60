-- Writes a conversation that was read from Postgres, unless Redis has it or the epoch has changed since.
--
-- KEYS  1 epoch  2 conversation  3 its routes  4 its members, if it is large  5 its counts
--       6, 7 what load_members.lua has prepared of a large conversation: its hash and its members
-- ARGV  1 epoch under which Postgres was read  2 last seq  3 last version  4 seconds that an idle conversation stays
--       5 msgpack: {{user, delivered seq, read seq}, ...}  6 how many members are prepared, 0 if it is not large
--       7.. field, value, ...: as keys.conversation describes
-- Returns 1 if the conversation is in Redis now, 0 if it must be read again, because the epoch has changed or the prepared
-- part has expired.

local epoch = redis.call('GET', KEYS[1])
local is_large = ARGV[6] ~= '0'
local is_there = epoch and string.match(epoch, '^%d+') == ARGV[1]
if is_there and redis.call('HEXISTS', KEYS[2], 'm') == 1 then
  if is_large then redis.call('UNLINK', KEYS[6], KEYS[7]) end
  return 1
end
if not is_there or (is_large and redis.call('SCARD', KEYS[7]) ~= tonumber(ARGV[6])) then return 0 end
local now = redis.call('TIME')[1]
if is_large then
  redis.call('HSET', KEYS[6], 'n', now)
  redis.call('RENAME', KEYS[6], KEYS[2])
  redis.call('RENAME', KEYS[7], KEYS[4])
  redis.call('EXPIRE', KEYS[4], ARGV[4])
  redis.call('DEL', KEYS[5])
end
redis.call('HSET', KEYS[2], 's', ARGV[2], 'lv', ARGV[3], 'x', now, unpack(ARGV, 7))
for _, row in ipairs(cmsgpack.unpack(ARGV[5])) do
  redis.call('HSET', KEYS[2], 'd:' .. row[1], row[2], 'r:' .. row[1], row[3])
end
redis.call('EXPIRE', KEYS[2], ARGV[4])
redis.call('DEL', KEYS[3])
return 1
