-- Groups: who may do what, and the changes of members, roles and settings. change.lua follows, and describes the operands
-- and results. Begins with log.lua.

local UNKNOWN, NOT_A_MEMBER, FULL, UNCHANGED, UNCHANGED_PENDING, FORBIDDEN, LAST_OWNER, TOO_MANY, NOT_FOUND = 4, 5, 6, 7, 8, 9, 10, 11, 12
local MEMBERS_SHOWN = 100
local MEMBER, ADMIN, OWNER = 1, 2, 3
local ROLES = {'member', 'admin', 'owner'}

local function unchanged(c, seq)
  answer(c.lv <= stored and UNCHANGED or UNCHANGED_PENDING, seq, c.lv)
end

-- The rank of a user who makes a change. The host's server may do everything.
local function rank_of(group, user)
  return user == HOST and OWNER or group.ranks[user]
end

-- user -> rank, floors and info of a conversation
local function group_of(c)
  if not c.group then
    local f = call('HMGET', c.key, 'k', 'o', 'a', 'f', 'i')
    local ranks = {}  -- false for users who have left
    if c.large then setmetatable(ranks, {__index = function(_, user) return is_member(c, user) and MEMBER or nil end}) end
    for _, user in ipairs(c.members) do ranks[user] = MEMBER end
    for _, user in ipairs(f[3] and unpack_msg(f[3]) or {}) do ranks[user] = ADMIN end
    for _, user in ipairs(f[2] and unpack_msg(f[2]) or {}) do ranks[user] = OWNER end
    c.group = {kind = f[1], ranks = ranks, floors = f[4] and unpack_msg(f[4]) or {}, info = f[5] and unpack_msg(f[5]) or {}}
  end
  return c.group
end

local function size_of(c)
  return c.large and of_large().size(c) or #c.members
end

-- Each function checks a change and applies it to `group`. It returns nil, or the number of a result if it refuses.
-- `made` collects the users who join and leave, and the fields of the system message's JSON.
local apply = {}

local function come(c, group, users, maximum, made)
  local floor = group.info.history == 'joined' and c.seq or 0
  for _, user in ipairs(users) do
    if not group.ranks[user] then
      group.ranks[user] = MEMBER
      group.floors[user] = floor > 0 and floor or nil
      made.came[#made.came + 1] = user
    end
  end
  if #made.came == 0 then return UNCHANGED end
  if size_of(c) + #made.came > maximum then return TOO_MANY end
end

local function list(users)
  local texts = {}
  for i, user in ipairs(users) do texts[i] = format('%d', user) end
  return '[' .. table.concat(texts, ',') .. ']'
end

function apply.created() end

function apply.added(c, group, user, what, made)
  if rank_of(group, user) < ADMIN then return FORBIDDEN end
  local refused = come(c, group, {unpack(what, 3)}, what[2], made)
  made.details = ',"userIds":' .. list(made.came)
  return refused
end

function apply.joined(c, group, user, what, made)
  return come(c, group, {user}, what[2], made)
end

local function number_of_owners(group)
  local n = 0
  for _, rank in pairs(group.ranks) do
    if rank == OWNER then n = n + 1 end
  end
  return n
end

function apply.left(c, group, user, _, made)
  if group.ranks[user] == OWNER and number_of_owners(group) == 1 and size_of(c) > 1 then return LAST_OWNER end
  group.ranks[user] = false
  made.went[1] = user
end

function apply.removed(_, group, user, what, made)
  local mine = rank_of(group, user)
  for i = 2, #what do
    local rank = group.ranks[what[i]]
    if mine < ADMIN or what[i] == user or (rank and mine == ADMIN and rank > MEMBER) then return FORBIDDEN end
  end
  for i = 2, #what do
    if group.ranks[what[i]] then
      group.ranks[what[i]] = false
      made.went[#made.went + 1] = what[i]
    end
  end
  if #made.went == 0 then return UNCHANGED end
  made.details = ',"userIds":' .. list(made.went)
end

function apply.role(_, group, user, what, made)
  local whom, role = what[2], what[3]
  if rank_of(group, user) < OWNER then return FORBIDDEN end
  if not group.ranks[whom] then return NOT_FOUND end
  local rank = role == 'owner' and OWNER or role == 'admin' and ADMIN or MEMBER
  if group.ranks[whom] == rank then return UNCHANGED end
  if group.ranks[whom] == OWNER and number_of_owners(group) == 1 and user ~= HOST then return LAST_OWNER end
  group.ranks[whom] = rank
  made.details = format(',"userId":%d,"role":"%s"', whom, role)
end

function apply.info(_, group, user, what, made)
  if rank_of(group, user) < (what[2].metadata ~= nil and OWNER or ADMIN) then return FORBIDDEN end
  local changed = false
  for name, value in pairs(what[2]) do
    if (group.info[name] or false) ~= value then
      changed = true
      group.info[name] = value or nil
    end
  end
  if not changed then return UNCHANGED end
  made.details = ',' .. what[3]
end

-- Moves users who have joined and left. Earlier records of this call keep their audience.
local function save_members(c, group, made)
  if c.large then
    if #made.came + #made.went > 0 then of_large().move(c, made.came, made.went) end
    return
  end
  local members = {}
  for _, user in ipairs(c.members) do
    if group.ranks[user] then members[#members + 1] = user end
  end
  for _, user in ipairs(made.came) do members[#members + 1] = user end
  owners[c.members] = nil
  c.members, c.set, c.looked = members, nil, nil
  if c.routes then call('DEL', c.routes) end
  call('HSET', c.key, 'm', pack(members))
end

local function with_rank(group, wanted)
  local users = {}
  for user, rank in pairs(group.ranks) do
    if rank == wanted then users[#users + 1] = user end
  end
  table.sort(users)
  return users
end

-- Writes the changed group back.
local function save_group(c, group, made)
  for _, user in ipairs(made.went) do
    group.floors[user] = nil
    call('HDEL', c.key, format('d:%d', user), format('r:%d', user))
  end
  for _, user in ipairs(made.came) do call('HSET', c.key, format('d:%d', user), c.seq, format('r:%d', user), c.seq) end
  save_members(c, group, made)
  c.read_only = group.info.readOnly
  call('HSET', c.key, 'o', pack(with_rank(group, OWNER)), 'a', pack(with_rank(group, ADMIN)),
       'f', pack(group.floors), 'i', pack(group.info), 'w', group.info.readOnly and 1 or 0)
end

local function shown_members(c, group)
  if size_of(c) > MEMBERS_SHOWN then return false end
  local members, fields, shown = c.large and of_large().all_members(c) or c.members, {}, {}
  for i, user in ipairs(members) do fields[2 * i - 1], fields[2 * i] = format('d:%d', user), format('r:%d', user) end
  local marks = #fields > 0 and call('HMGET', c.key, unpack(fields)) or {}
  for i, user in ipairs(members) do
    local n = #shown
    shown[n + 1], shown[n + 2] = user, ROLES[group.ranks[user]]
    shown[n + 3], shown[n + 4] = tonumber(marks[2 * i - 1] or '0'), tonumber(marks[2 * i] or '0')
  end
  return shown
end

local function change_group(c, user, what, index)
  local ending = unpack_msg('\149' .. ARGV[FIRST_END + index])
  local before = call('GET', c.marks .. ending[2])
  if before then return sent_before(before, user) end
  if what[1] ~= 'joined' and user ~= HOST and not is_member(c, user) then return answer(NOT_A_MEMBER) end
  local group, made = group_of(c), {came = {}, went = {}, details = ''}
  if group.kind ~= 'group' then return answer(FORBIDDEN) end
  if not has_room(index) then return answer(FULL) end
  local refused = apply[what[1]](c, group, user, what, made)
  if refused then
    c.group = nil  -- it may be applied in part
    if refused == UNCHANGED then return unchanged(c) end
    return answer(refused)
  end
  save_group(c, group, made)
  call('SET', c.marks .. ending[2], next_mark(c, user), 'EX', ARGV[4])
  c.seq = c.seq + 1
  local body = format('%s,"system":{"type":"%s"%s}', ending[3], what[1], made.details)
  local rest = string.sub(write(c, KIND_GROUP_CHANGED, c.seq, pack(ending[1], ending[2], body, ending[4], ending[5])), 2)
  if #made.came + #made.went > 0 then
    call('RPUSH', prefix .. 'memberships', pack({version, c.id, c.seq, made.came, made.went}))
  end
  local now = {group.kind, group.info, size_of(c), shown_members(c, group), c.seq}
  fan_out(c.members, '\155' .. rest .. pack(now))
  if #made.went > 0 then fan_out(made.went, '\155' .. rest .. pack(false)) end
  answer(0, c.seq, version, now_ms)
end
