-- Removes a gateway that ends, with its watches. Begins with watches.lua.
--
-- KEYS  1 gateways
-- ARGV  1 prefix  2 gateway

forget_watches(ARGV[1], ARGV[2])
redis.call('ZREM', KEYS[1], ARGV[2])
