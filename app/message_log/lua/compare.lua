-- Gives the epoch up if Redis came back older than it was: a replica that lagged was promoted, or its file lost the last
-- second. A new epoch then begins from Postgres.
--
-- A writer compares before it writes over a new connection. So the first comparison in a run of the server sees the
-- version with which the run began, and stores it. Later, the clock moves the version past everything that was seen
-- before. Everything that was seen in one run must have been there when the next run began.
--
-- A server that becomes the primary again after two failovers has the same run id as before. Its second time counts as
-- a run of its own: "<run id>#<version>".
--
-- KEYS  1 epoch  2 version  3 runs
-- ARGV  1 epoch and  2 version that the caller has seen  3 the run of the server in which it saw them
--       4 greatest version in Postgres, or 0
-- Returns {1 if the epoch was given up, else 0, the present run}.

local RUNS_KEPT = 16
local info = redis.pcall('INFO', 'server')  -- if our user may not call it, all runs count as one
local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
local epoch = redis.call('GET', KEYS[1])
if not epoch then return {0, run} end
local number, version = tonumber(string.match(epoch, '^%d+')), tonumber(redis.call('GET', KEYS[2]) or '0')
local runs, had = redis.call('LRANGE', KEYS[3], 0, -1), version
local function server_of(entry) return string.match(entry, '^%x*') end
if #runs > 0 and server_of(runs[#runs]) == run then
  run = string.match(runs[#runs], '^%S*')
else
  for _, entry in ipairs(runs) do
    if server_of(entry) == run then run = string.format('%s#%.0f', run, version) break end
  end
  runs[#runs + 1] = run .. ' ' .. string.format('%.0f', version)
  redis.call('RPUSH', KEYS[3], runs[#runs])
  redis.call('LTRIM', KEYS[3], -RUNS_KEPT, -1)
end
for i = #runs, 1, -1 do
  if string.match(runs[i], '^%S*') == ARGV[3] then
    had = runs[i + 1] and tonumber(string.match(runs[i + 1], '%d+$')) or version
    break
  elseif i == #runs then
    had = tonumber(string.match(runs[i], '%d+$'))  -- if its run is no longer known
  end
end
local seen = tonumber(ARGV[1])
if number < seen or (number == seen and had < tonumber(ARGV[2])) or version < tonumber(ARGV[4]) then
  redis.call('DEL', KEYS[1])
  return {1, run}
end
return {0, run}
