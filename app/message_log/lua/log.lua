-- The common beginning of every script that writes to the log (app/redis_scripts.py puts it before them): reads the
-- state, loads conversations, logs records and fans them out. large.lua follows it.
--
-- KEYS  1 epoch  2 version  3 log  4 log-state  5 online  6 drain-lease
--       7 kept milestone, if there are several shards: sessions may have it as their position, so versions are greater
-- ARGV  1 prefix  2 maximum of records in the log  3 maximum of bytes in the log  4 seconds that a dedupe mark lives
--       5 seconds that an idle conversation stays in Redis  6 msgpack: the operations
--       7.. the end of each operation's record, packed: user, id, body, session, gateway. It is copied unchanged.
-- Returns msgpack {epoch, wake, results}, or {false} if there is no epoch (Redis lost its data). wake is 1 if something
--   was logged and no drain is running.
--
-- A record has the same form in the log, in the conversation's tail and on the bus:
--   {kind, conversation, seq, version, sent_ms, user, id, body, session, gateway}   kinds: app/core/kinds.py
-- On the bus (one PUBLISH per gateway): {epoch, {{users, record}, ...}}. For a large conversation, `users` is a build or
-- {build = {user, ...}}: the members in the gateway's roster of this build (app/fanout/rosters.py), without these users.

local call, pack, unpack_msg, format
local FIRST_END = 7
local HOST = 0  -- the user of records by the host's server
local REFRESH_SECONDS = 3600
local LONG_SECONDS = 7200  -- how long marks of changes live, and those of ids that were looked up in Postgres
local ROUTES_CACHED_ABOVE, ROUTES_SECONDS = 32, 3600
local LARGE = 100  -- more members make a conversation large
local INDEXED, NO_LIST = 221, '\221\0\0\0\0'  -- the first byte of a list of members that large.lua has indexed; an empty one

-- The state of one call. As a function of Redis, a script is loaded once, so `begin` sets all of it.
local prefix, epoch, draining, now_s, now_ms, sent, version, logged, bytes, entries, stored, room, bytes_room
local conversations, items, user_lists, gateways_by_text, records, size, results
local owners  -- users -> their conversation, if it is large or its routes are cached
local large, functions_of_large  -- whether a conversation of this call is large; what of_large has made for it
local of_large  -- returns the functions of large.lua

-- Returns false if there is no epoch.
local function begin()
  call, pack, unpack_msg, format = redis.call, cmsgpack.pack, cmsgpack.unpack, string.format
  local heads = KEYS[7] and call('MGET', KEYS[1], KEYS[2], KEYS[6], KEYS[7]) or call('MGET', KEYS[1], KEYS[2], KEYS[6])
  if not heads[1] then return false end
  epoch, draining = tonumber(string.match(heads[1], '^%d+')), heads[3]
  prefix = ARGV[1]
  local time = call('TIME')
  now_s = tonumber(time[1])
  local now_us = now_s * 1000000 + tonumber(time[2])
  now_ms = math.floor(now_us / 1000)
  sent = format('%.0f', now_ms)
  version = math.max(tonumber(heads[2] or '0'), now_us - 1)
  if heads[4] then version = math.max(version, tonumber(heads[4])) end
  local state = call('HMGET', KEYS[4], 'records', 'bytes', 'entries', 'stored')
  logged, bytes, entries = tonumber(state[1] or '0'), tonumber(state[2] or '0'), tonumber(state[3] or '0')
  stored = tonumber(state[4] or '0')
  room, bytes_room = tonumber(ARGV[2]) - logged, tonumber(ARGV[3]) - bytes
  conversations, items, user_lists, gateways_by_text, records, size, results = {}, {}, {}, {}, {}, 0, {}
  owners, large, functions_of_large = {}, false, nil
  return true
end

local function answer(what, seq, at, ms)
  local n = #results
  results[n + 1], results[n + 2], results[n + 3], results[n + 4] = what, seq or 0, at or 0, ms or 0
end

-- Answers an operation whose id has a dedupe mark: 1 it is in Postgres, 2 not yet, 3 the id is another sender's.
local function sent_before(mark, sender)
  local seq, at, ms, by = string.match(mark, '^(%d+):(%d+):(%d+):(%d+)$')
  if tonumber(by) ~= sender then return answer(3) end
  at = tonumber(at)
  answer(at <= stored and 1 or 2, tonumber(seq), at, tonumber(ms))
end

-- The dedupe mark of the conversation's next message, sent now or (an imported one) at `ms`.
local function next_mark(c, sender, ms)
  return format('%d:%.0f:%s:%d', c.seq + 1, version + 1, ms and format('%.0f', ms) or sent, sender)
end

local function conversation_of(id)
  local c = conversations[id]
  if c == nil then
    local name = format('%d', id)
    local f = call('HMGET', prefix .. 'c:' .. name, 'm', 's', 'lv', 'x', 'b', 'w')
    c = false
    if f[1] then
      local indexed = f[1] == NO_LIST or (#f[1] > LARGE and string.byte(f[1]) == INDEXED)
      c = {id = id, members = indexed and {} or unpack_msg(f[1]), seq = tonumber(f[2]), lv = tonumber(f[3]),
           key = prefix .. 'c:' .. name, tail = prefix .. 't:' .. name, marks = prefix .. 'x:' .. name .. ':', new = {},
           refresh = now_s - tonumber(f[4] or '0') > REFRESH_SECONDS, blockers = f[5] and unpack_msg(f[5]),
           read_only = f[6] == '1'}
      if indexed or #c.members > LARGE then
        c = of_large().open(c, name, f[1])
      elseif #c.members > ROUTES_CACHED_ABOVE then
        c.routes = prefix .. 'rt:' .. name
        owners[c.members] = c
      end
    end
    conversations[id] = c
  end
  return c
end

local function is_member(c, user)
  if c.large then return of_large().has(c, user) end
  local members = c.members
  if #members <= 4 or not c.looked then
    c.looked = true
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

-- Whether the user is an owner or admin, who may write in a read-only group.
local function leads(c, user)
  for _, packed in ipairs(call('HMGET', c.key, 'o', 'a')) do
    for _, leader in ipairs(packed and unpack_msg(packed) or {}) do
      if leader == user then return true end
    end
  end
  return false
end

-- Adds a record for these users. `finish` looks up their gateways once for the whole call.
local function fan_out(users, packed)
  if large and owners[users] then of_large().count(owners[users], users) end
  if not user_lists[users] then
    user_lists[users] = true
    user_lists[#user_lists + 1] = users
  end
  items[#items + 1] = {users, packed}
end

-- The users who get a record of `user`: all members, or only `user` in a direct conversation with a block. Nobody can
-- block HOST, which is not a user.
local function audience(c, user)
  return user ~= HOST and c.blockers and #c.blockers > 0 and {user} or c.members
end

local function has_room(index)
  return #records < room and size + #ARGV[FIRST_END + index] <= bytes_room
end

-- Adds a record of now, or of `ms`, to the log and to the conversation's tail. Returns it.
local function write(c, kind, seq, ending, ms)
  version = version + 1
  c.lv = version
  local packed = '\154' .. pack(kind, c.id, seq, version, ms or now_ms) .. ending
  records[#records + 1] = packed
  size = size + #packed
  c.new[#c.new + 1] = packed
  return packed
end

-- Fans a record out without its quotation to those of `users` who may not read the quoted message. Returns the others.
-- `quoted` is {seq of the quoted message, the record's body without the quotation, users who do not see that message, ...}.
local function fan_out_unquoted(c, kind, seq, index, users, quoted)
  local floors, hidden, seeing, blind = call('HGET', c.key, 'f'), {}, {}, {}
  floors = floors and unpack_msg(floors) or {}
  for i = 3, #quoted do hidden[quoted[i]] = true end
  if c.large and owners[users] then
    blind = of_large().blind(c, floors, quoted)
    if #blind > 0 then seeing = of_large().all_but(c, blind) end
  end
  for _, user in ipairs(users) do
    local to = (hidden[user] or (floors[user] or 0) >= quoted[1]) and blind or seeing
    to[#to + 1] = user
  end
  if #blind == 0 then return users end
  local ending = unpack_msg('\149' .. ARGV[FIRST_END + index])
  local rest = pack(ending[1], ending[2], quoted[2], ending[4], ending[5])
  fan_out(blind, '\154' .. pack(kind, c.id, seq, version, now_ms) .. rest)
  return seeing
end

-- `quoted` (fan_out_unquoted) is nil if the record quotes no message, `ms` if the record is of now.
local function log(c, kind, seq, index, users, quoted, ms)
  local packed = write(c, kind, seq, ARGV[FIRST_END + index], ms)
  if quoted then users = fan_out_unquoted(c, kind, seq, index, users, quoted) end
  if #users > 0 or owners[users] then fan_out(users, packed) end
  answer(0, seq, version, ms or now_ms)
end

-- The gateway that sent the operation with this index.
local function gateway_of(index)
  return unpack_msg('\149' .. ARGV[FIRST_END + index])[5]
end

-- A read that does not move the user's mark. It only ends the state "marked as unread" of the conversation.
local function end_marked_unread(c, user, index)
  if call('HDEL', c.key, format('u:%d', user)) == 0 then return end
  local ending = pack(user, '', '"markedUnread":false', '', gateway_of(index))
  fan_out({user}, write(c, KIND_SETTINGS, 0, ending))
end

local function array_header(n)
  if n < 16 then return string.char(144 + n) end
  return '\220' .. string.char(math.floor(n / 256), n % 256)
end

-- Returns user -> the gateways with a session of that user, for all users of these lists.
local function places(lists)
  local found, users = {}, {}
  for i = 1, #lists do
    for _, user in ipairs(lists[i]) do
      if found[user] == nil then
        found[user] = false
        users[#users + 1] = user
      end
    end
  end
  for first = 1, #users, 4000 do
    local last = math.min(first + 3999, #users)
    local where = call('HMGET', KEYS[5], unpack(users, first, last))
    for i = first, last do found[users[i]] = where[i - first + 1] end
  end
  return found
end

-- Returns the gateways that a field of KEYS[5] names. Most users have the same text there, so each text is split once.
local function gateways_in(where)
  local names = gateways_by_text[where]
  if not names then
    names = {}
    for name in string.gmatch(where, '%S+') do names[#names + 1] = name end
    gateways_by_text[where] = names
  end
  return names
end

-- Returns {gateway, beginning of a bus item for it}, ... for a list of users.
local function routes_of(users, found)
  local by_gateway, routes = {}, {}
  for i = 1, #users do
    local where = found[users[i]]
    local names = where and gateways_in(where) or {}
    for j = 1, #names do
      local list = by_gateway[names[j]]
      if not list then list = {}; by_gateway[names[j]] = list end
      list[#list + 1] = users[i]
    end
  end
  for name, list in pairs(by_gateway) do routes[#routes + 1] = {name, '\146' .. pack(list)} end
  return routes
end

-- Returns list of users -> its routes. The routes of more than a few members are cached until any user comes online or
-- goes offline. Storing them costs as much as looking them up, so they are stored only if nobody connected or
-- disconnected between two messages.
local function all_routes()
  local routes, cached, lists = {}, {}, nil
  local present
  for i = 1, #user_lists do
    local users = user_lists[i]
    local c = owners[users]
    if c and c.large then
      routes[users] = of_large().routes(users)
    elseif c then
      present = present or tonumber(call('GET', prefix .. 'places') or '0')
      local found = call('GET', c.routes)
      cached[users] = found and unpack_msg(found) or {}
      if cached[users][1] == present and cached[users][2] then routes[users] = cached[users][2] end
    end
    if not routes[users] then
      lists = lists or {}
      lists[#lists + 1] = users
    end
  end
  if not lists then return routes end
  local found = places(lists)
  for i = 1, #lists do
    local users = lists[i]
    routes[users] = routes_of(users, found)
    if cached[users] then
      local worth = cached[users][1] == present and routes[users] or false
      call('SET', owners[users].routes, pack({present, worth}), 'EX', ROUTES_SECONDS)
    end
  end
  return routes
end

local function publish()
  if #items == 0 or (large and of_large().publish_widely()) then return end
  local routes, outgoing = all_routes(), {}
  for i = 1, #items do
    local to, packed = routes[items[i][1]], items[i][2]
    for j = 1, #to do
      local out = outgoing[to[j][1]]
      if not out then out = {}; outgoing[to[j][1]] = out end
      out[#out + 1] = to[j][2] .. packed
    end
  end
  for name, out in pairs(outgoing) do
    call('PUBLISH', prefix .. 'to:' .. name, '\146' .. pack(epoch) .. array_header(#out) .. table.concat(out))
  end
end

local function store_conversation(c)
  if c.refresh then
    call('HSET', c.key, 's', c.seq, 'lv', format('%.0f', c.lv), 'x', now_s)
    call('EXPIRE', c.key, ARGV[5])
    if c.large then of_large().refresh(c) end
  else
    call('HSET', c.key, 's', c.seq, 'lv', format('%.0f', c.lv))
  end
  call('RPUSH', c.tail, unpack(c.new))
end

local function finish()
  local wake = 0
  if #records > 0 then
    for _, c in pairs(conversations) do
      if c and #c.new > 0 then store_conversation(c) end
    end
    local blob = array_header(#records) .. table.concat(records)
    call('SET', KEYS[2], format('%.0f', version))
    call('HSET', KEYS[4], 'records', logged + #records, 'bytes', bytes + #blob, 'entries', entries + 1)
    call('XADD', KEYS[3], '*', 'r', blob, 'n', entries + 1, 'e', epoch)
    wake = draining and 0 or 1
  end
  publish()
  if large then of_large().settle() end
  return pack({epoch, wake, results})
end
