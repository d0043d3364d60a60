-- Removes from the log what Postgres now holds and tells the gateways whose senders wait for it.
--
-- KEYS  1 log  2 log-state
-- ARGV  1 prefix  2 seconds an idle conversation stays  3 records removed  4 bytes removed
--       5 msgpack: entry ids of the log  6 msgpack: {{conversation, records, greatest version}, ...}
--       7 greatest number of those entries, 0 for none  8.. gateway, notice, ...: what to tell them, packed by the caller
-- Returns how many entries of the log were still there. Safe to run twice for the same entries.

local prefix = ARGV[1]
local ids = cmsgpack.unpack(ARGV[5])
local gone = 0
for first = 1, #ids, 4000 do
  gone = gone + redis.call('XDEL', KEYS[1], unpack(ids, first, math.min(first + 3999, #ids)))
end
if gone == #ids then
  redis.call('HINCRBY', KEYS[2], 'records', -tonumber(ARGV[3]))
  redis.call('HINCRBY', KEYS[2], 'bytes', -tonumber(ARGV[4]))
elseif redis.call('XLEN', KEYS[1]) == 0 then
  redis.call('HDEL', KEYS[2], 'records', 'bytes')
end
if tonumber(ARGV[7]) > tonumber(redis.call('HGET', KEYS[2], 'gone') or '0') then
  redis.call('HSET', KEYS[2], 'gone', ARGV[7])
end

local function trim(tail, most, version)
  for _ = 1, most do
    local head = redis.call('LINDEX', tail, 0)
    if not head or cmsgpack.unpack(head)[4] > version then return end
    redis.call('LPOP', tail)
  end
end

for _, row in ipairs(cmsgpack.unpack(ARGV[6])) do
  local key, tail = prefix .. 'c:' .. row[1], prefix .. 't:' .. row[1]
  local last = redis.call('LINDEX', tail, row[2] - 1)
  if last and cmsgpack.unpack(last)[4] == row[3] then
    redis.call('LPOP', tail, row[2])
  else
    trim(tail, 1000000, row[3])
  end
  local sv = redis.call('HGET', key, 'sv')
  if sv then
    if tonumber(sv) < row[3] then redis.call('HSET', key, 'sv', string.format('%.0f', row[3])) end
    redis.call('EXPIRE', key, ARGV[2])
  end
end
for i = 8, #ARGV, 2 do
  redis.call('PUBLISH', prefix .. 'to:' .. ARGV[i], ARGV[i + 1])
end
return gone
