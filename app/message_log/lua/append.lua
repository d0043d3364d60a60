-- Decides, orders, logs and fans out a batch of operations in one atomic step.
--
-- KEYS  1 epoch  2 version  3 log  4 log-state  5 online  6 drain-lease
-- ARGV  1 prefix  2 epoch the caller knows ("" for none)  3 gateway of the caller
--       4 most records in the log  5 most bytes in the log  6 seconds a dedupe mark lives
--       7 send interval in ms (GCRA emission interval)  8 send burst, in ms of interval
--       9 msgpack: array of operations
--   operation  {1, conversation, sender, id, body, session}   a message; body is a JSON fragment, passed through
--              {2, conversation, user, seq}                   delivered up to seq
--              {3, conversation, user, seq}                   read up to seq
--              {4, conversation, user, on}                    typing; fanned out, never logged
-- Returns msgpack {epoch, wake, results}, or {false} where there is no epoch (Redis lost its data).
--   wake is 1 where something was logged and no drain is running. One result an operation:
--     {0, seq, version, sent_ms}            done
--     {1, seq, version, sent_ms, stored}    the same id was here before; stored is 1 once Postgres has it
--     {2} the id is another sender's   {3} conversation not in Redis: hydrate, then call again
--     {4} not a member                 {5, ms} too fast, wait so long        {6} the log is full
--     {7, version, stored}             a mark that moves nothing; version is the conversation's last
--
-- A record, in the log, in the conversation's tail and on the bus alike:
--   {kind, conversation, seq, version, sent_ms, user, id, body, session, gateway}   kind 1 message, 2 delivered, 3 read
-- On the bus (one PUBLISH a gateway): {epoch, {{users, record}, ...}}; typing is {users, {4, conversation, user, on}}.

local epoch = redis.call('GET', KEYS[1])
if not epoch then return cmsgpack.pack({false}) end
epoch = tonumber(string.match(epoch, '^%d+'))

local prefix, gateway = ARGV[1], ARGV[3]
local ops = cmsgpack.unpack(ARGV[9])
local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now_ms = math.floor(now_us / 1000)
local interval, burst = tonumber(ARGV[7]), tonumber(ARGV[8])

local version = math.max(tonumber(redis.call('GET', KEYS[2]) or '0'), now_us - 1)
local stat = redis.call('HMGET', KEYS[4], 'records', 'bytes')
local room = tonumber(ARGV[4]) - tonumber(stat[1] or '0')
local bytes_room = tonumber(ARGV[5]) - tonumber(stat[2] or '0')

local conversations, gateways_of, allowances = {}, {}, {}
local outgoing, records, bytes = {}, {}, 0

local function conversation_of(id)
  local c = conversations[id]
  if c == nil then
    local f = redis.call('HMGET', prefix .. 'c:' .. id, 'm', 's', 'lv', 'sv')
    c = false
    if f[1] then
      c = {members = cmsgpack.unpack(f[1]), seq = tonumber(f[2]), lv = tonumber(f[3]), sv = tonumber(f[4]),
           key = prefix .. 'c:' .. id, tail = prefix .. 't:' .. id, moved = false}
      c.is_member = {}
      for _, user in ipairs(c.members) do c.is_member[user] = true end
    end
    conversations[id] = c
  end
  return c
end

local function look_up(users)
  local unknown = {}
  for _, user in ipairs(users) do
    if gateways_of[user] == nil then unknown[#unknown + 1] = user end
  end
  for first = 1, #unknown, 4000 do
    local last = math.min(first + 3999, #unknown)
    local found = redis.call('HMGET', KEYS[5], unpack(unknown, first, last))
    for i = first, last do gateways_of[unknown[i]] = found[i - first + 1] or '' end
  end
end

local function fan_out(users, packed)
  look_up(users)
  local targets = {}
  for _, user in ipairs(users) do
    local where = gateways_of[user]
    if where ~= '' then
      for name in string.gmatch(where, '%S+') do
        local list = targets[name]
        if not list then list = {}; targets[name] = list end
        list[#list + 1] = user
      end
    end
  end
  for name, list in pairs(targets) do
    local out = outgoing[name]
    if not out then out = {}; outgoing[name] = out end
    out[#out + 1] = '\146' .. cmsgpack.pack(list) .. packed
  end
end

local function log(c, record)
  local packed = cmsgpack.pack(record)
  records[#records + 1] = packed
  bytes = bytes + #packed
  redis.call('RPUSH', c.tail, packed)
  fan_out(c.members, packed)
end

-- GCRA: one number a sender, the theoretical arrival time in ms. Returns 0 or how many ms to wait.
local function too_fast(user)
  local tat = allowances[user]
  if tat == nil then tat = tonumber(redis.call('GET', prefix .. 'send:' .. user) or '0') end
  tat = math.max(tat, now_ms)
  if tat - now_ms > burst then
    allowances[user] = tat
    return math.ceil(tat - now_ms - burst)
  end
  allowances[user] = tat + interval
  return 0
end

local function add_message(op)
  local conversation, sender, id = op[2], op[3], op[4]
  local c = conversation_of(conversation)
  if not c then return {3} end
  if not c.is_member[sender] then return {4} end
  local mark_key = prefix .. 'x:' .. conversation .. ':' .. id
  local mark = redis.call('GET', mark_key)
  if mark then
    local seq, at, sent, by = string.match(mark, '^(%d+):(%d+):(%d+):(%d+)$')
    if tonumber(by) ~= sender then return {2} end
    at = tonumber(at)
    return {1, tonumber(seq), at, tonumber(sent), at <= c.sv and 1 or 0}
  end
  local wait = too_fast(sender)
  if wait > 0 then return {5, wait} end
  if #records >= room or bytes + #op[5] > bytes_room then return {6} end
  c.seq, version, c.moved = c.seq + 1, version + 1, true
  c.lv = version
  redis.call('SET', mark_key, string.format('%d:%.0f:%.0f:%d', c.seq, version, now_ms, sender), 'EX', ARGV[6])
  log(c, {1, conversation, c.seq, version, now_ms, sender, id, op[5], op[6], gateway})
  return {0, c.seq, version, now_ms}
end

local function move_mark(op)
  local kind, conversation, user = op[1], op[2], op[3]
  local c = conversation_of(conversation)
  if not c then return {3} end
  if not c.is_member[user] then return {4} end
  local seq = math.min(op[4], c.seq)
  local marks = redis.call('HMGET', c.key, 'd:' .. user, 'r:' .. user)
  local delivered, read = tonumber(marks[1] or '0'), tonumber(marks[2] or '0')
  if seq <= (kind == 2 and delivered or read) then return {7, c.lv, c.lv <= c.sv and 1 or 0} end
  if #records >= room then return {6} end
  if kind == 3 then redis.call('HSET', c.key, 'r:' .. user, seq) end
  if seq > delivered then redis.call('HSET', c.key, 'd:' .. user, seq) end
  version, c.moved = version + 1, true
  c.lv = version
  log(c, {kind, conversation, seq, version, now_ms, user, '', '', '', gateway})
  return {0, seq, version, now_ms}
end

local function announce_typing(op)
  local c = conversation_of(op[2])
  if not c then return {3} end
  if not c.is_member[op[3]] then return {4} end
  local others = {}
  for _, user in ipairs(c.members) do
    if user ~= op[3] then others[#others + 1] = user end
  end
  fan_out(others, cmsgpack.pack({4, op[2], op[3], op[4]}))
  return {0, 0, 0, now_ms}
end

local acts = {add_message, move_mark, move_mark, announce_typing}
local results = {}
for i, op in ipairs(ops) do results[i] = acts[op[1]](op) end

local function array_header(n)
  if n < 16 then return string.char(144 + n) end
  return '\220' .. string.char(math.floor(n / 256), n % 256)
end

local wake = 0
if #records > 0 then
  for _, c in pairs(conversations) do
    if c and c.moved then redis.call('HSET', c.key, 's', c.seq, 'lv', string.format('%.0f', c.lv)) end
  end
  for user, tat in pairs(allowances) do
    if tat > now_ms then
      redis.call('SET', prefix .. 'send:' .. user, string.format('%.0f', tat), 'PX', math.ceil(tat - now_ms) + 1)
    end
  end
  redis.call('SET', KEYS[2], string.format('%.0f', version))
  local blob = array_header(#records) .. table.concat(records)
  redis.call('HINCRBY', KEYS[4], 'records', #records)
  redis.call('HINCRBY', KEYS[4], 'bytes', #blob)
  redis.call('XADD', KEYS[3], '*', 'r', blob, 'n', redis.call('HINCRBY', KEYS[4], 'entries', 1))
  wake = 1 - redis.call('EXISTS', KEYS[6])
end
for name, out in pairs(outgoing) do
  redis.call('PUBLISH', prefix .. 'to:' .. name, '\146' .. cmsgpack.pack(epoch) .. array_header(#out) .. table.concat(out))
end
return cmsgpack.pack({epoch, wake, results})
