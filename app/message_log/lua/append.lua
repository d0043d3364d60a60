-- Decides, orders, logs and fans out a batch of operations in one atomic step.
--
-- KEYS  1 epoch  2 version  3 log  4 log-state  5 online  6 drain-lease
-- ARGV  1 prefix  2 most records in the log  3 most bytes in the log  4 seconds a dedupe mark lives
--       5 msgpack: the operations, four numbers or strings each, one after the other:
--           1, conversation, sender, id     a message
--           2, conversation, user, seq      delivered up to seq
--           3, conversation, user, seq      read up to seq
--           4, conversation, user, on       typing; fanned out, never logged
--       6.. for each operation the end of its record, packed: user, id, body, session, gateway. It passes through untouched.
-- Returns msgpack {epoch, wake, results}, or {false} where there is no epoch (Redis lost its data).
--   wake is 1 where something was logged and no drain is running. Results are four numbers an operation, in order:
--     0, seq, version, sent_ms         done
--     1, seq, version, sent_ms         the same id was here before, and Postgres has it
--     2, seq, version, sent_ms         the same id was here before, and Postgres does not have it yet
--     3 the id is another sender's     4 conversation not in Redis: hydrate, then call again
--     5 not a member                   6 the log is full
--     7, 0, version                    a mark that moves nothing, all of the conversation is stored
--     8, 0, version                    a mark that moves nothing, and what is not stored yet ends with version
--
-- A record, in the log, in the conversation's tail and on the bus alike:
--   {kind, conversation, seq, version, sent_ms, user, id, body, session, gateway}   kind 1 message, 2 delivered, 3 read
-- On the bus (one PUBLISH a gateway): {epoch, {{users, record}, ...}}; typing is {users, {4, conversation, user, on}}.

local call, pack, format = redis.call, cmsgpack.pack, string.format
local epoch = call('GET', KEYS[1])
if not epoch then return pack({false}) end
epoch = tonumber(string.match(epoch, '^%d+'))

local DONE, STORED, WAITS, TAKEN, UNKNOWN, OUTSIDER, FULL, STILL, STILL_WAITS = 0, 1, 2, 3, 4, 5, 6, 7, 8
local FIRST_END = 6
local prefix = ARGV[1]
local time = call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now_ms = math.floor(now_us / 1000)
local sent = format('%.0f', now_ms)
local version = math.max(tonumber(call('GET', KEYS[2]) or '0'), now_us - 1)
local state = call('HMGET', KEYS[4], 'records', 'bytes', 'entries')
local logged, bytes, entries = tonumber(state[1] or '0'), tonumber(state[2] or '0'), tonumber(state[3] or '0')
local room, bytes_room = tonumber(ARGV[2]) - logged, tonumber(ARGV[3]) - bytes

local conversations, outgoing = {}, {}
local records, size, results = {}, 0, {}

local function answer(what, seq, at, ms)
  local n = #results
  results[n + 1], results[n + 2], results[n + 3], results[n + 4] = what, seq or 0, at or 0, ms or 0
end

local function conversation_of(id)
  local c = conversations[id]
  if c == nil then
    local name = format('%d', id)
    local f = call('HMGET', prefix .. 'c:' .. name, 'm', 's', 'lv', 'sv')
    c = false
    if f[1] then
      c = {members = cmsgpack.unpack(f[1]), seq = tonumber(f[2]), lv = tonumber(f[3]), sv = tonumber(f[4]),
           key = prefix .. 'c:' .. name, tail = prefix .. 't:' .. name, marks = prefix .. 'x:' .. name .. ':', new = {}}
    end
    conversations[id] = c
  end
  return c
end

local function is_member(c, user)
  local members = c.members
  if #members <= 4 then
    for i = 1, #members do
      if members[i] == user then return true end
    end
    return false
  end
  if not c.set then
    c.set = {}
    for i = 1, #members do c.set[members[i]] = true end
  end
  return c.set[user]
end

-- For each gateway that holds one of the users: its outgoing list, and the beginning of an item for it.
local function routes_to(users)
  local by_gateway, routes = {}, {}
  for first = 1, #users, 4000 do
    local last = math.min(first + 3999, #users)
    local found = call('HMGET', KEYS[5], unpack(users, first, last))
    for i = first, last do
      local where = found[i - first + 1]
      if where then
        for name in string.gmatch(where, '%S+') do
          local list = by_gateway[name]
          if not list then list = {}; by_gateway[name] = list end
          list[#list + 1] = users[i]
        end
      end
    end
  end
  for name, list in pairs(by_gateway) do
    local out = outgoing[name]
    if not out then out = {}; outgoing[name] = out end
    routes[#routes + 1] = {out, '\146' .. pack(list)}
  end
  return routes
end

local function fan_out(routes, packed)
  for i = 1, #routes do
    local out = routes[i][1]
    out[#out + 1] = routes[i][2] .. packed
  end
end

local function log(c, kind, conversation, seq, index)
  version = version + 1
  c.lv = version
  local packed = '\154' .. pack(kind, conversation, seq, version, now_ms) .. ARGV[FIRST_END + index]
  records[#records + 1] = packed
  size = size + #packed
  c.new[#c.new + 1] = packed
  if not c.routes then c.routes = routes_to(c.members) end
  fan_out(c.routes, packed)
  answer(DONE, seq, version, now_ms)
end

local function sent_before(c, mark, sender)
  local seq, at, ms, by = string.match(mark, '^(%d+):(%d+):(%d+):(%d+)$')
  if tonumber(by) ~= sender then return answer(TAKEN) end
  at = tonumber(at)
  answer(at <= c.sv and STORED or WAITS, tonumber(seq), at, tonumber(ms))
end

local function add_message(c, conversation, sender, id, index)
  local key = c.marks .. id
  if #records >= room or size + #ARGV[FIRST_END + index] > bytes_room then
    local mark = call('GET', key)
    if mark then return sent_before(c, mark, sender) end
    return answer(FULL)
  end
  local mark = format('%d:%.0f:%s:%d', c.seq + 1, version + 1, sent, sender)
  local before = call('SET', key, mark, 'NX', 'GET', 'EX', ARGV[4])
  if before then return sent_before(c, before, sender) end
  c.seq = c.seq + 1
  log(c, 1, conversation, c.seq, index)
end

local function move_mark(c, kind, conversation, user, seq, index)
  local d, r = format('d:%d', user), format('r:%d', user)
  local marks = call('HMGET', c.key, d, r)
  local delivered, read = tonumber(marks[1] or '0'), tonumber(marks[2] or '0')
  seq = math.min(seq, c.seq)
  if seq <= (kind == 2 and delivered or read) then return answer(c.lv <= c.sv and STILL or STILL_WAITS, 0, c.lv) end
  if #records >= room then return answer(FULL) end
  if kind == 2 then
    call('HSET', c.key, d, seq)
  else
    call('HSET', c.key, r, seq, d, math.max(seq, delivered))
  end
  log(c, kind, conversation, seq, index)
end

local function show_typing(c, conversation, user, on)
  local others = {}
  for _, member in ipairs(c.members) do
    if member ~= user then others[#others + 1] = member end
  end
  if #others > 0 then fan_out(routes_to(others), pack({4, conversation, user, on})) end
  answer(DONE)
end

local ops = cmsgpack.unpack(ARGV[5])
for i = 1, #ops, 4 do
  local kind, conversation, user, what = ops[i], ops[i + 1], ops[i + 2], ops[i + 3]
  local index = (i - 1) / 4
  local c = conversation_of(conversation)
  if not c then
    answer(UNKNOWN)
  elseif not is_member(c, user) then
    answer(OUTSIDER)
  elseif kind == 1 then
    add_message(c, conversation, user, what, index)
  elseif kind == 4 then
    show_typing(c, conversation, user, what)
  else
    move_mark(c, kind, conversation, user, what, index)
  end
end

local function array_header(n)
  if n < 16 then return string.char(144 + n) end
  return '\220' .. string.char(math.floor(n / 256), n % 256)
end

local wake = 0
if #records > 0 then
  for _, c in pairs(conversations) do
    if c and #c.new > 0 then
      call('HSET', c.key, 's', c.seq, 'lv', format('%.0f', c.lv))
      call('RPUSH', c.tail, unpack(c.new))
    end
  end
  local blob = array_header(#records) .. table.concat(records)
  call('SET', KEYS[2], format('%.0f', version))
  call('HSET', KEYS[4], 'records', logged + #records, 'bytes', bytes + #blob, 'entries', entries + 1)
  call('XADD', KEYS[3], '*', 'r', blob, 'n', entries + 1, 'e', epoch)
  wake = 1 - call('EXISTS', KEYS[6])
end
for name, out in pairs(outgoing) do
  call('PUBLISH', prefix .. 'to:' .. name, '\146' .. pack(epoch) .. array_header(#out) .. table.concat(out))
end
return pack({epoch, wake, results})
