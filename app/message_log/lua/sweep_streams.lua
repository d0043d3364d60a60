-- Finds the streams to end, and those whose text has grown since it was last stored. Closes the former, so that no text
-- comes any more.
--
-- KEYS  1 streams  2 epoch
-- ARGV  1 prefix  2 ms without an append after which a stream is over
-- Returns {{place, ...}, {place, characters, text, ...}}: places are "<conversation>:<seq>"

local call, prefix = redis.call, ARGV[1]
local epoch = call('GET', KEYS[2])
epoch = epoch and string.match(epoch, '^%d+')
local over, grown = {}, {}
local time = call('TIME')  -- of Redis, as in the scores
local cutoff = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[2])

-- A stream of another epoch: either Postgres has its message, or the message is lost.
local function forget(place)
  local conversation, seq = string.match(place, '^(%d+):(%d+)$')
  call('ZREM', KEYS[1], place)
  call('SREM', prefix .. 'so:' .. conversation, seq)
  call('DEL', prefix .. 's:' .. place, prefix .. 'sx:' .. place)
end

local rows = call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #rows, 2 do
  local place, key = rows[i], prefix .. 's:' .. rows[i]
  local f = call('HMGET', key, 'e', 'n', 'z')
  if f[1] ~= epoch then
    forget(place)
  elseif tonumber(rows[i + 1]) <= cutoff then
    if not f[3] then call('HSET', key, 'z', 1, 'b', 1) end
    over[#over + 1] = place
  elseif f[2] ~= '0' and f[2] ~= call('GET', prefix .. 'sk:' .. place) then
    grown[#grown + 1], grown[#grown + 2], grown[#grown + 3] = place, f[2], call('GET', prefix .. 'sx:' .. place)
  end
end
return {over, grown}
