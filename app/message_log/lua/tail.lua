-- Reads the records of some conversations that are accepted but not stored yet.
--
-- KEYS  1 log  2 version  3 memberships  4 epoch  5 streams ARGV  1 prefix  2.. conversation ids Returns {version,
-- epoch, entries of the log, {change, ...}, {conversation, {seq, ...}, ...}, conversation, {record, ...}, ...}: the
-- membership changes of all conversations, and of each given conversation that has any, its open streams and its
-- records, packed as they were logged. `version` is the last assigned version: every record up to it is in a tail now,
-- or was in Postgres before. If the epoch was given up, everything that is still in the log is lost: `epoch` is 0, and
-- no entries and records are returned.
--
-- Nearly all conversations of a user have neither records nor streams. So EXISTS first counts the keys of up to AT_ONCE
-- conversations, and looks at the halves of a group that has some. That takes one command for a thousand conversations
-- without any, and ten for each conversation with some.

local AT_ONCE = 1000

local prefix = ARGV[1]

-- Returns how many of the keys `kind`<conversation>, for the conversations ARGV[first] to ARGV[last], exist.
local function count(kind, first, last)
  local names = {}
  for i = first, last do names[#names + 1] = prefix .. kind .. ARGV[i] end
  return redis.call('EXISTS', unpack(names))
end

-- Calls `visit` with each of these conversations whose key exists; `existing` is their number.
local function search(kind, first, last, existing, visit)
  if existing == 0 then return end
  if existing == last - first + 1 then
    for i = first, last do visit(ARGV[i]) end
    return
  end
  local middle = math.floor((first + last) / 2)
  local left = count(kind, first, middle)
  search(kind, first, middle, left, visit)
  search(kind, middle + 1, last, existing - left, visit)
end

local function each_existing(kind, visit)
  for first = 2, #ARGV, AT_ONCE do
    local last = math.min(first + AT_ONCE - 1, #ARGV)
    search(kind, first, last, count(kind, first, last), visit)
  end
end

local epoch = redis.call('GET', KEYS[4])
local number = epoch and tonumber(string.match(epoch, '^%d+')) or 0
local found = {redis.call('GET', KEYS[2]) or '0', number, epoch and redis.call('XLEN', KEYS[1]) or 0, {}, {}}
if epoch and redis.call('EXISTS', KEYS[5]) == 1 then
  each_existing('so:', function(conversation)
    found[5][#found[5] + 1] = conversation
    found[5][#found[5] + 1] = redis.call('SMEMBERS', prefix .. 'so:' .. conversation)
  end)
end
if found[3] == 0 then return found end
found[4] = redis.call('LRANGE', KEYS[3], 0, -1)
each_existing('t:', function(conversation)
  found[#found + 1] = tonumber(conversation)
  found[#found + 1] = redis.call('LRANGE', prefix .. 't:' .. conversation, 0, -1)
end)
return found
