-- Removes stored records from the log, and notifies the gateways whose senders wait for them.
--
-- KEYS  1 log  2 log-state  3 memberships  4 epoch
-- ARGV  1 prefix  2 greatest version removed: everything up to it is in Postgres now  3 records removed  4 bytes removed
--       5 msgpack: entry ids of the log  6 msgpack: {{conversation, records, greatest version}, ...}
--       7 greatest number of those entries, 0 for none  8 their epoch, 0 if it is not known
--       9.. gateway, notice, ...: packed by the caller
-- Returns how many of the entries were still in the log. Safe to run twice for the same entries. If another epoch has begun,
-- only notifies: the entries and their tails are gone, and their numbers mean nothing in the new log.

local prefix

local function version_of(packed)
  return cmsgpack.unpack(packed)[4]
end

-- Removes the head of a tail. If another drain removed it before, newer records are put back.
local function trim(tail, count, version)
  local taken = redis.call('LPOP', tail, count)
  if not taken then return end
  for i = #taken, 1, -1 do
    if version_of(taken[i]) <= version then return end
    redis.call('LPUSH', tail, taken[i])
  end
end

-- Subtracts the removed entries from the counts of the log, and notes the version up to which everything is stored.
local function count_down(whole)
  local before = redis.call('HMGET', KEYS[2], 'records', 'bytes', 'gone', 'stored')
  local records, bytes = tonumber(before[1] or '0'), tonumber(before[2] or '0')
  if whole then
    records, bytes = records - tonumber(ARGV[3]), bytes - tonumber(ARGV[4])
  elseif redis.call('XLEN', KEYS[1]) == 0 then
    records, bytes = 0, 0
  end
  redis.call('HSET', KEYS[2], 'records', records, 'bytes', bytes,
             'gone', math.max(tonumber(before[3] or '0'), tonumber(ARGV[7])),
             'stored', string.format('%.0f', math.max(tonumber(before[4] or '0'), tonumber(ARGV[2]))))
end

local function run()
  prefix = ARGV[1]
  for i = 9, #ARGV, 2 do
    redis.call('PUBLISH', prefix .. 'to:' .. ARGV[i], ARGV[i + 1])
  end
  local epoch = redis.call('GET', KEYS[4])
  if epoch and ARGV[8] ~= '0' and string.match(epoch, '^%d+') ~= ARGV[8] then return 0 end
  local ids = cmsgpack.unpack(ARGV[5])
  local gone = 0
  for first = 1, #ids, 4000 do
    gone = gone + redis.call('XDEL', KEYS[1], unpack(ids, first, math.min(first + 3999, #ids)))
  end
  count_down(gone == #ids)
  for _, row in ipairs(cmsgpack.unpack(ARGV[6])) do trim(prefix .. 't:' .. row[1], row[2], row[3]) end
  while true do
    local change = redis.call('LINDEX', KEYS[3], 0)
    if not change or cmsgpack.unpack(change)[1] > tonumber(ARGV[2]) then break end
    redis.call('LPOP', KEYS[3])
  end
  return gone
end
return run()
