-- Prepares some members of a large conversation that is being hydrated, because many at once would hold up Redis
-- for everybody. hydrate.lua completes it.
--
-- KEYS  1 hash of the loading conversation  2 set of its members
-- ARGV  1 prefix  2 conversation  3 seconds that the notes of its members live  4 seconds that loading takes at most
--       5 msgpack: {{user, delivered seq, read seq, 1 if marked as unread}, ...}
-- The notes (large_groups in app/message_log/keys.py) are written first, so that every member has one.

for _, row in ipairs(cmsgpack.unpack(ARGV[5])) do
  local user = string.format('%d', row[1])
  redis.call('SADD', ARGV[1] .. 'ug:' .. user, ARGV[2])
  redis.call('EXPIRE', ARGV[1] .. 'ug:' .. user, ARGV[3])
  redis.call('SADD', KEYS[2], user)
  if row[2] > 0 or row[3] > 0 then redis.call('HSET', KEYS[1], 'd:' .. user, row[2], 'r:' .. user, row[3]) end
  if row[4] == 1 then redis.call('HSET', KEYS[1], 'u:' .. user, 1) end
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[4])
