-- Writes a conversation that was read from Postgres, unless Redis has it or the epoch has changed since.
--
-- KEYS  1 epoch  2 conversation  3 its routes
-- ARGV  1 epoch under which Postgres was read  2 last seq  3 last version  4 seconds that an idle conversation stays
--       5 msgpack: {{user, delivered seq, read seq}, ...}  6.. field, value, ...: as keys.conversation describes
-- Returns 1 if the conversation is in Redis now, 0 if the epoch has changed (read Postgres again).

local epoch = redis.call('GET', KEYS[1])
if not epoch or string.match(epoch, '^%d+') ~= ARGV[1] then return 0 end
if redis.call('HEXISTS', KEYS[2], 'm') == 1 then return 1 end
redis.call('HSET', KEYS[2], 's', ARGV[2], 'lv', ARGV[3], 'x', redis.call('TIME')[1], unpack(ARGV, 6))
for _, row in ipairs(cmsgpack.unpack(ARGV[5])) do
  redis.call('HSET', KEYS[2], 'd:' .. row[1], row[2], 'r:' .. row[1], row[3])
end
redis.call('EXPIRE', KEYS[2], ARGV[4])
redis.call('DEL', KEYS[3])
return 1
