-- Brings a conversation from Postgres into Redis, unless it is there already or the epoch has changed meanwhile.
--
-- KEYS  1 epoch  2 conversation
-- ARGV  1 epoch under which Postgres was read  2 kind  3 msgpack: members  4 last seq  5 last version
--       6 seconds an idle conversation stays  7 msgpack: {{user, delivered seq, read seq}, ...}
-- Returns 1 where the conversation is in Redis now, 0 where the epoch is another (read Postgres again).

local epoch = redis.call('GET', KEYS[1])
if not epoch or string.match(epoch, '^%d+') ~= ARGV[1] then return 0 end
if redis.call('HEXISTS', KEYS[2], 'm') == 1 then return 1 end
redis.call('HSET', KEYS[2], 'k', ARGV[2], 'm', ARGV[3], 's', ARGV[4], 'lv', ARGV[5], 'x', redis.call('TIME')[1])
for _, row in ipairs(cmsgpack.unpack(ARGV[7])) do
  redis.call('HSET', KEYS[2], 'd:' .. row[1], row[2], 'r:' .. row[1], row[3])
end
redis.call('EXPIRE', KEYS[2], ARGV[6])
return 1
