-- Registers that sessions of a gateway watch users, and reads the presence of these users. Later changes are published.
--
-- KEYS  1 gateways that watch, by user  2 users that this gateway watches  3 online  4 last seen, not in Postgres yet
-- ARGV  1 gateway  2... users, at most 1,000
-- Returns {the gateways of each user or nil, the last seen ms of each user or nil}.

local gateway, users, added = ARGV[1], {unpack(ARGV, 2)}, {}
for i, names in ipairs(redis.call('HMGET', KEYS[1], unpack(users))) do
  names = names or ''
  if not string.find(' ' .. names .. ' ', ' ' .. gateway .. ' ', 1, true) then
    added[#added + 1] = users[i]
    added[#added + 1] = names == '' and gateway or names .. ' ' .. gateway
  end
end
if #added > 0 then redis.call('HSET', KEYS[1], unpack(added)) end
redis.call('SADD', KEYS[2], unpack(users))
-- A gateway of an older release that removes this one leaves the set behind. If the set expires too early, the next heartbeat
-- finds that it is gone, and all watches are registered again.
redis.call('EXPIRE', KEYS[2], 86400)
return {redis.call('HMGET', KEYS[3], unpack(users)), redis.call('HMGET', KEYS[4], unpack(users))}
