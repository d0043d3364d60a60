-- Sets the blockers of a direct conversation, if Redis has the conversation.
--
-- KEYS  1 conversation
-- ARGV  1 msgpack: the users
-- Returns 1 if it is in Redis, else 0 (hydrating it reads the blockers from Postgres).

if redis.call('HEXISTS', KEYS[1], 'm') == 0 then return 0 end
redis.call('HSET', KEYS[1], 'b', ARGV[1])
return 1
