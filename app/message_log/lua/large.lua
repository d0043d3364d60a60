-- Large conversations: their members, and how many of them are online at each gateway. Follows log.lua. presence.lua and
-- beat.lua move the counts when users connect and disconnect (docs/decisions/large-groups.md).
--
-- Keys: cm:<conversation>, gc:<conversation> and ug:<user> (app/message_log/keys.py).
-- Gateways with ROSTER_MARK in their names keep rosters. To the others, of an older release, `gc:` has the beginning of a
-- bus item in the place of a count: it lists their members.
-- Notices for the gateways that keep rosters, {users, record}: the users are those with a session at the gateway.
--     {KIND_ROSTER, conversation, build, 1}  the users are all members there; 0: they are members now, too
--     {KIND_ROSTER_LEFT, conversation, build}  the users are no members any more
--
-- If most gateways hold a member, one PUBLISH goes to the channel of all gateways that keep rosters.
-- The functions are made only if a call meets a large conversation, so they cost other calls nothing.

function of_large()
  if functions_of_large then return functions_of_large end
  local ROSTER_MARK = 'r-'
  local LISTED_UP_TO = 10000  -- the hash has a list of so many members, for gateways of an older release
  local INDEX_SECONDS, INDEX_RENEWED = 30 * 86400, 7 * 86400
  local AT_ONCE, NOTES = 4000, 3  -- NOTES: the number of fields of the counts that are not gateways
  local self, except, fixed = {}, {}, {}  -- users -> the members who are not among them; users -> their routes, if known
  local at = {}  -- users -> gateway that keeps no rosters -> beginning of a bus item for it
  local others  -- how often presence was changed without moving counts

  local function keeps_rosters(gateway)
    return string.sub(gateway, 1, #ROSTER_MARK) == ROSTER_MARK
  end

  -- Notes that the user may be a member. Every member has this note.
  local function note(c, user)
    local key = prefix .. 'ug:' .. format('%d', user)
    call('SADD', key, c.id)
    call('EXPIRE', key, INDEX_SECONDS)
  end

  local function list_of(members)
    if #members > LISTED_UP_TO then return NO_LIST end
    return '\221\0\0' .. string.sub(pack(members), 2)
  end

  local function all_members(c)
    local members = call('SMEMBERS', c.index)
    for i = 1, #members do members[i] = tonumber(members[i]) end
    return members
  end

  local function index(c, members)
    call('DEL', c.index, c.counted)
    for first = 1, #members, AT_ONCE do
      call('SADD', c.index, unpack(members, first, math.min(first + AT_ONCE - 1, #members)))
    end
    for i = 1, #members do note(c, members[i]) end
    call('HSET', c.key, 'm', list_of(members), 'n', now_s, 'x', now_s)
    call('EXPIRE', c.key, ARGV[5])
    call('EXPIRE', c.index, ARGV[5])
  end

  -- Returns gateway -> the users who are there, as numbers.
  local function by_gateway(users)
    local found = {}
    for first = 1, #users, AT_ONCE do
      local last = math.min(first + AT_ONCE - 1, #users)
      local where = call('HMGET', KEYS[5], unpack(users, first, last))
      for i = first, last do
        for name in string.gmatch(where[i - first + 1] or '', '%S+') do
          if not found[name] then found[name] = {} end
          found[name][#found[name] + 1] = tonumber(users[i])
        end
      end
    end
    return found
  end

  -- Notifies the gateways that keep rosters. `places`: gateway -> users there.
  local function notify(c, places, record)
    local users, routes = {}, {}
    for name, list in pairs(places) do
      if keeps_rosters(name) then routes[#routes + 1] = {name, '\146' .. pack(list)} end
    end
    owners[users], fixed[users] = c, routes
    if #routes > 0 then fan_out(users, pack(record)) end
  end

  -- Makes the counts, and gives each gateway its roster.
  local function build(c)
    c.build = epoch * 4294967296 + call('INCR', prefix .. 'builds')
    c.counts, c.lists = {}, {}
    local places = by_gateway(call('SMEMBERS', c.index))
    call('DEL', c.counted)
    call('HSET', c.counted, '#build', format('%.0f', c.build), '#others', format('%.0f', others), '#lists', 0)
    for name, users in pairs(places) do
      local kept = keeps_rosters(name)
      local value = kept and #users or '\146' .. pack(users)
      if kept then c.counts[name] = true else c.lists[name] = value end
      call('HSET', c.counted, name, value)
    end
    if next(c.lists) then call('HSET', c.counted, '#lists', 1) end
    call('EXPIRE', c.counted, ARGV[5])
    notify(c, places, {KIND_ROSTER, c.id, c.build, 1})
  end

  -- Reads which gateways hold members. If all of them keep rosters, and most of them hold one, nobody needs it.
  local function load_gateways(c)
    local flat = call('HGETALL', c.counted)
    c.counts, c.lists = {}, {}
    for i = 1, #flat, 2 do
      local name = flat[i]
      if keeps_rosters(name) then
        c.counts[name] = true
      elseif string.sub(name, 1, 1) ~= '#' then
        c.lists[name] = flat[i + 1]
      end
    end
  end

  local function load_counts(c)
    if not others then
      local moves = call('MGET', prefix .. 'places', prefix .. 'places-counted')
      others = tonumber(moves[1] or '0') - tonumber(moves[2] or '0')
    end
    local made = call('HMGET', c.counted, '#build', '#others', '#lists')
    if not made[1] or tonumber(made[2]) ~= others then return build(c) end
    c.build = tonumber(made[1])
    if made[3] == '0' then c.lists = {} else load_gateways(c) end
  end

  -- Makes a conversation with many members a large one. Returns it, or false if it must be hydrated again, so that the
  -- notes of its members do not expire.
  function self.open(c, name, packed)
    large, c.large, c.index, c.counted = true, true, prefix .. 'cm:' .. name, prefix .. 'gc:' .. name
    local indexed = string.byte(packed) == INDEXED
    local lost = indexed and call('EXISTS', c.index) == 0  -- an older release has kept only the hash from expiring
    if not indexed or (lost and packed ~= NO_LIST) then
      index(c, unpack_msg(packed))
    elseif lost or (c.refresh and now_s - tonumber(call('HGET', c.key, 'n') or '0') > INDEX_RENEWED) then
      local stored_all = c.lv <= stored
      if stored_all then call('UNLINK', c.key, c.index, c.counted) end
      if stored_all or lost then return false end
    end
    c.members, c.set, c.leaving = {}, {}, {}
    owners[c.members] = c
    return c
  end

  function self.has(c, user)
    if c.set[user] == nil then c.set[user] = call('SISMEMBER', c.index, user) == 1 end
    return c.set[user]
  end

  function self.size(c)
    return call('SCARD', c.index)
  end

  self.all_members = all_members

  -- Called before a record for these users is fanned out.
  function self.count(c, users)
    if not c.large or fixed[users] then return end
    if not c.build then load_counts(c) end
    at[users] = at[users] or c.lists
  end

  -- The users of this conversation who are not in the list.
  function self.all_but(c, users)
    local seeing = {}
    owners[seeing], except[seeing] = c, users
    return seeing
  end

  -- The members who may not read a message that another one quotes (fan_out_unquoted).
  function self.blind(c, floors, quoted)
    local blind, seen = {}, {}
    local function add(user)
      if not seen[user] and self.has(c, user) then blind[#blind + 1] = user end
      seen[user] = true
    end
    for user, floor in pairs(floors) do
      if floor >= quoted[1] then add(user) end
    end
    for i = 3, #quoted do add(quoted[i]) end
    return blind
  end

  -- Returns the beginning of a bus item without some of its users.
  local function without(item, users)
    local out, kept = {}, {}
    for _, user in ipairs(users) do out[user] = true end
    for _, user in ipairs(unpack_msg(string.sub(item, 2))) do
      if not out[user] then kept[#kept + 1] = user end
    end
    return '\146' .. pack(kept)
  end

  -- Routes as those of routes_of.
  function self.routes(users)
    local c, routes = owners[users], {}
    if fixed[users] then return fixed[users] end
    if not c.counts then load_gateways(c) end
    local hidden = except[users] and by_gateway(except[users]) or {}
    for name in pairs(c.counts) do
      routes[#routes + 1] = {name, '\146' .. pack(hidden[name] and {[c.build] = hidden[name]} or c.build)}
    end
    for name, item in pairs(at[users]) do
      routes[#routes + 1] = {name, hidden[name] and without(item, hidden[name]) or item}
    end
    return routes
  end

  -- Publishes everything of this call to all gateways that keep rosters, if most of them hold members. Returns whether it
  -- did. There must be no items for single gateways in between: they would overtake.
  function self.publish_widely()
    local out, gateways = {}, call('ZCARD', prefix .. 'gateways')
    for i = 1, #items do
      local users = items[i][1]
      local c = owners[users]
      if not c or not c.large or except[users] or fixed[users] or next(at[users]) then return false end
      c.reached = c.reached or call('HLEN', c.counted) - NOTES
      if c.reached < 2 or c.reached * 2 <= gateways then return false end
      out[i] = '\146' .. pack(c.build) .. items[i][2]
    end
    call('PUBLISH', prefix .. 'rosters', '\146' .. pack(epoch) .. array_header(#out) .. table.concat(out))
    return true
  end

  -- Moves users in or out. What was fanned out before keeps its audience, so counts fall only in `settle`.
  function self.move(c, came, went)
    if not c.build then load_counts(c) end
    if not c.counts then load_gateways(c) end
    for _, user in ipairs(came) do
      call('SADD', c.index, user)
      note(c, user)
      c.set[user] = true
    end
    for _, user in ipairs(went) do
      call('SREM', c.index, user)
      c.set[user] = false
    end
    local lists, arrived, left = {}, by_gateway(came), by_gateway(went)
    for name, item in pairs(c.lists) do lists[name] = left[name] and without(item, left[name]) or item end
    for name, users in pairs(arrived) do
      if keeps_rosters(name) then
        c.counts[name] = true
        call('HINCRBY', c.counted, name, #users)
      else
        local listed = lists[name] and unpack_msg(string.sub(lists[name], 2)) or {}
        for _, user in ipairs(users) do listed[#listed + 1] = user end
        lists[name] = '\146' .. pack(listed)
      end
    end
    notify(c, arrived, {KIND_ROSTER, c.id, c.build, 0})
    notify(c, left, {KIND_ROSTER_LEFT, c.id, c.build})
    c.leaving[#c.leaving + 1] = left
    c.lists, c.members, c.moved = lists, {}, true
    owners[c.members] = c
  end

  local function write_list(c)
    local n = self.size(c)
    if n > LISTED_UP_TO then return call('HSET', c.key, 'm', NO_LIST) end
    local members = all_members(c)
    if n > LARGE then return call('HSET', c.key, 'm', list_of(members)) end
    call('HSET', c.key, 'm', pack(members))
    call('UNLINK', c.index, c.counted)
  end

  local function settle(c)
    for _, places in ipairs(c.leaving) do
      for name, users in pairs(places) do
        if keeps_rosters(name) and call('HINCRBY', c.counted, name, -#users) <= 0 then call('HDEL', c.counted, name) end
      end
    end
    for name, item in pairs(c.lists) do call('HSET', c.counted, name, item, '#lists', 1) end
    write_list(c)
  end

  -- Called after everything was published.
  function self.settle()
    for _, c in pairs(conversations) do
      if c and c.moved then settle(c) end
    end
  end

  function self.refresh(c)
    call('EXPIRE', c.index, ARGV[5])
    call('EXPIRE', c.counted, ARGV[5])
  end

  functions_of_large = self
  return self
end

-- The members who may see the message with this seq. floors: user -> the seq up to which the user sees nothing.
local function members_seeing(c, floors, seq)
  local hidden = {}
  for user, floor in pairs(floors) do
    if floor >= seq then hidden[#hidden + 1] = user end
  end
  if #hidden == 0 then return c.members end
  if c.large then return of_large().all_but(c, hidden) end
  local seeing = {}
  for _, member in ipairs(c.members) do
    if (floors[member] or 0) < seq then seeing[#seeing + 1] = member end
  end
  return seeing
end
