-- Gives the epoch up if Redis came back older than it was: a replica that lagged was promoted, or its file lost the last
-- second. A new epoch then begins from Postgres.
--
-- KEYS  1 epoch  2 version
-- ARGV  1 epoch and  2 version that the caller has seen
-- Returns 1 if the epoch was given up, else 0.

local epoch = redis.call('GET', KEYS[1])
if not epoch then return 0 end
local number, seen = tonumber(string.match(epoch, '^%d+')), tonumber(ARGV[1])
local behind = number == seen and tonumber(redis.call('GET', KEYS[2]) or '0') < tonumber(ARGV[2])
if number < seen or behind then return redis.call('DEL', KEYS[1]) end
return 0
