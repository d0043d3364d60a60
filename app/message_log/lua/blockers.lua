-- Says who of a direct conversation has blocked the other, where the conversation is in Redis.
--
-- KEYS  1 conversation
-- ARGV  1 msgpack: the users
-- Returns 1 where it is in Redis, 0 where it is not (whoever brings it there reads Postgres).

if redis.call('HEXISTS', KEYS[1], 'm') == 0 then return 0 end
redis.call('HSET', KEYS[1], 'b', ARGV[1])
return 1
