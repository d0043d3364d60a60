-- Lets a conversation's seq counter catch up with Postgres; it never goes back.
--
-- KEYS  1 conversation
-- ARGV  1 last seq that Postgres holds
-- Returns the counter, or 0 where Redis does not hold the conversation.

local seq = redis.call('HGET', KEYS[1], 's')
if not seq then return 0 end
if tonumber(seq) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 's', ARGV[1])
  return tonumber(ARGV[1])
end
return tonumber(seq)
