-- Gives the epoch up if entries are missing from the log that no drain removed (XTRIM, XDEL or DEL by hand). Missing
-- records were accepted and are in no store. A new epoch makes their senders send them again.
--
-- KEYS  1 log  2 log-state  3 epoch
-- Returns 1 if the epoch was given up, else 0.

local state = redis.call('HMGET', KEYS[2], 'entries', 'gone')
local added, gone = tonumber(state[1] or '0'), tonumber(state[2] or '0')
local head = added + 1  -- the number of the first entry; in an empty log, of the next one
local seen = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 20)
for i = #seen, 1, -1 do
  local fields = seen[i][2]
  for j = 1, #fields, 2 do
    if fields[j] == 'n' then head = tonumber(fields[j + 1]) end
  end
end
if head == gone + 1 or (head == added + 1 and #seen == 20) then return 0 end
redis.call('DEL', KEYS[3])
return 1
