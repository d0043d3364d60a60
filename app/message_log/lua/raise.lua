-- Raises a conversation's seq counter to the last seq in Postgres. The counter never goes back.
--
-- KEYS  1 conversation
-- ARGV  1 last seq in Postgres
-- Returns the counter, or 0 if the conversation is not in Redis.

local seq = redis.call('HGET', KEYS[1], 's')
if not seq then return 0 end
if tonumber(seq) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 's', ARGV[1])
  return tonumber(ARGV[1])
end
return tonumber(seq)
