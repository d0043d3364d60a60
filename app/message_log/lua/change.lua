-- Changes of messages and of groups: checks the permission, applies the change and logs it in one atomic step, so that
-- simultaneous changes do not overwrite each other. Begins with log.lua, which describes KEYS, ARGV and the returned value.
-- The numbers of the kinds (KIND_…) and the private ones (PRIVATE) come from app/core/kinds.py.
--
-- ARGV 6: four values per operation, one after the other: kind, conversation, user, what. `what` depends on the kind:
--     A change of a message begins with {seq, epoch, ...}: the epoch in which the message was read, 0 if it is in Postgres
--     in every epoch. After a loss, the seq may be another message's.
--     In every change of a message, the sixth value is the only user who sees the message, if there is only one.
--     EDITED          {seq, epoch, after, quoted or nil}: not after a later edit than `after` (ms); 0 if it does not matter, -1 if
--                     the message has this text already; `quoted` as in log.lua
--     PINNED and private changes (HIDDEN …)  {seq, epoch}
--     SHADOW_EDITED, SHADOW_REACTED, SHADOW_PINNED  as without SHADOW: only the user sees the change, who has a shadow suspension
--     DELETED         {seq, epoch, author}
--     REACTED         {seq, epoch, 0 if the reaction is in this state already}
--     SETTINGS, DRAFTED  {}; {1} or {0} to mark the conversation as unread, or no longer
--     CLEARED         {seq, or -1 for the last, 1 to remove a direct conversation from the list}: its user sees no messages
--                     up to seq any more. The result's seq is the last of them
--     MEDIA           {the last seq that names it, or 0}: a medium is ready or failed; from the server, in the name of its
--                     uploader. Members get it if they see that message; if no message names it, only the uploader does
--     PROGRESS        the same: how far a medium is; fanned out, never logged
--     MEDIA_RESOLVED  {seq, epoch, the version that was read, quoted or nil}: the new state of a message, from the server
--     STREAM_ENDED    {seq, epoch, 1, quoted or nil, token}: the final text of a stream, in the name of its writer; -1 in the
--                     place of 1 if it has ended already
--     RECEIPT_BATCH   {2 or 3, user, seq, user, seq, ...}: marks of a large conversation, moved only forward; the user is 0
--     ADMITTED        {}: the user becomes a member of a direct conversation that was held back from them
--                     {1}: the user is a member of a conversation that was imported
--     GROUP_CHANGED   {'created'} · {'added', maximum of members, user, ...} · {'joined', maximum of members} · {'left'}
--                     {'removed', user, ...} · {'role', user, role} · {'info', changes, their JSON}; false removes a value
-- Results are four numbers per operation, in order:
--     0, seq, version, sent_ms    done                  4 conversation not in Redis: hydrate it, then call again
--     5 not a member              6 the log is full     7, 0, version and 8, 0, version: nothing to change (as append.lua)
--     for RECEIPT_BATCH, seq is the last seq of the conversation, also with 7 and 8
--     1, 2 and 3, for GROUP_CHANGED: its id was accepted before (as append.lua)
--     9 the role does not allow it        10 the last owner        11 too many members       12 no such message or member
--     16 only owners and admins write in this group
--     20 the stream was ended by another call with another token
--     14 the message was changed since it was read, or edited since `after`    15 it was read in another epoch
--
-- On the bus, GROUP_CHANGED has one more field, the new state of the conversation:
--   {kind 'group', info, number of members, {user, role, delivered, read, ...} or false, last seq}; false for users who
--   were removed.
-- Body of RECEIPT_BATCH: {"mark": 2 or 3, "moved": [[user, seq], ...]}. Its user and seq are those of the greatest mark.

local UNKNOWN, NOT_A_MEMBER, FULL, UNCHANGED, UNCHANGED_PENDING, FORBIDDEN, LAST_OWNER, TOO_MANY, NOT_FOUND = 4, 5, 6, 7, 8, 9, 10, 11, 12
local VERSION_CONFLICT, STALE, READ_ONLY, STOPPED = 14, 15, 16, 20
local EDITS = {[KIND_EDITED] = true, [KIND_SHADOW_EDITED] = true}
local PINS = {[KIND_PINNED] = true, [KIND_SHADOW_PINNED] = true}
local STREAM_TEXT_SECONDS = 60  -- for readers for whom the stream was still open
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

-- The members who may see the message with this seq. Others get no change of it. `only` is the only such user, or nil.
local function who_sees(c, user, seq, only)
  if only then return {only} end
  local to = audience(c, user)
  if to ~= c.members then return to end
  return members_seeing(c, group_of(c).floors, seq)
end

-- Whether the message was edited or pinned after the server read it: the server must not overwrite that.
local function was_changed(c, seq, seen)
  return tonumber(call('GET', prefix .. 'e:' .. format('%d:%d', c.id, seq)) or '0') > seen
end

local function last_edit(c, seq)
  return prefix .. 'm:' .. format('%d:%d', c.id, seq)
end

local function log_media(c, kind, user, what, index)
  local seq = what[1] or 0
  local to = seq > 0 and who_sees(c, user, seq) or {user}
  if kind == KIND_PROGRESS then
    fan_out(to, '\154' .. pack(kind, c.id, 0, 0, now_ms) .. ARGV[FIRST_END + index])
    return answer(0)
  end
  if not has_room(index) then return answer(FULL) end
  log(c, kind, 0, index, to)
end

local function change_message(c, kind, user, what, index)
  local seq, read_in, detail = what[1], what[2], what[3]
  if read_in ~= 0 and read_in ~= epoch then return answer(STALE) end
  local gone = prefix .. 'y:' .. format('%d:%d', c.id, seq)
  local group = group_of(c)
  if (group.floors[user] or 0) >= seq then return answer(NOT_FOUND) end
  if kind == KIND_DELETED then
    if detail ~= user and rank_of(group, user) < ADMIN then return answer(FORBIDDEN) end
    if call('EXISTS', gone) == 1 then return unchanged(c) end
  elseif kind ~= KIND_HIDDEN and call('EXISTS', gone) == 1 then
    return answer(NOT_FOUND)
  end
  if kind == KIND_REACTED and detail == 0 then return unchanged(c) end
  if kind == KIND_MEDIA_RESOLVED and was_changed(c, seq, detail) then return answer(VERSION_CONFLICT) end
  if EDITS[kind] and detail < 0 then return unchanged(c, seq) end
  if EDITS[kind] and c.read_only and (rank_of(group, user) or OWNER) < ADMIN then return answer(READ_ONLY) end
  if kind == KIND_EDITED and detail > 0 and tonumber(call('GET', last_edit(c, seq)) or '0') > detail then
    return answer(VERSION_CONFLICT)
  end
  if PINS[kind] and group.kind == 'group' and rank_of(group, user) < ADMIN then return answer(FORBIDDEN) end
  if not has_room(index) then return answer(FULL) end
  if kind == KIND_DELETED then call('SET', gone, 1, 'EX', LONG_SECONDS) end
  log(c, kind, seq, index, PRIVATE[kind] and {user} or who_sees(c, user, seq, what[6]), what[4] or nil)
  if kind == KIND_EDITED then call('SET', last_edit(c, seq), sent, 'EX', LONG_SECONDS) end
  if kind == KIND_EDITED or kind == KIND_PINNED then
    call('SET', prefix .. 'e:' .. format('%d:%d', c.id, seq), format('%.0f', version), 'EX', LONG_SECONDS)
  end
end

-- Ends a stream. `token` recognizes the same call, sent again. If Redis has lost the collected text, the end is applied
-- all the same.
local function end_stream(c, user, what, index)
  local seq, read_in, token = what[1], what[2], what[5]
  if read_in ~= 0 and read_in ~= epoch then return answer(STALE) end
  local place = format('%d:%d', c.id, seq)
  local key = prefix .. 's:' .. place
  if what[3] < 0 or call('EXISTS', prefix .. 'y:' .. place) == 1 then return unchanged(c, seq) end
  local f = call('HMGET', key, 'z', 't')
  if f[1] == '2' and f[2] ~= token then return answer(STOPPED) end
  if f[1] == '2' then return unchanged(c, seq) end
  if not has_room(index) then return answer(FULL) end
  log(c, KIND_STREAM_ENDED, seq, index, who_sees(c, user, seq, what[6]), what[4] or nil)
  call('HSET', key, 'z', 2, 't', token)
  call('EXPIRE', key, ARGV[5])
  call('EXPIRE', prefix .. 'sx:' .. place, STREAM_TEXT_SECONDS)
  call('SREM', prefix .. 'so:' .. format('%d', c.id), seq)
  call('ZREM', prefix .. 'streams', place)
end

local function move_marks(c, what, index)
  if #records >= room then return answer(FULL) end
  local mark, moved, furthest, reader = what[1], {}, 0, 0
  local field = mark == KIND_DELIVERED and 'd:%d' or 'r:%d'
  for i = 2, #what, 2 do
    local user, seq = what[i], math.min(what[i + 1], c.seq)
    if is_member(c, user) and seq > tonumber(call('HGET', c.key, format(field, user)) or '0') then
      call('HSET', c.key, format(field, user), seq)
      if mark == KIND_READ and seq > tonumber(call('HGET', c.key, format('d:%d', user)) or '0') then
        call('HSET', c.key, format('d:%d', user), seq)
      end
      moved[#moved + 1] = format('[%d,%d]', user, seq)
      if seq > furthest then furthest, reader = seq, user end
    elseif mark == KIND_READ and is_member(c, user) then
      end_marked_unread(c, user, index)
    end
  end
  if #moved == 0 then return unchanged(c, c.seq) end
  local body = format('{"mark":%d,"moved":[%s]}', mark, table.concat(moved, ','))
  fan_out(c.members, write(c, KIND_RECEIPT_BATCH, furthest, pack(reader, '', body, '', gateway_of(index))))
  answer(0, c.seq, version, now_ms)
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

-- Notifies a member that they have other conversations than before, because one was imported.
local function announce_new(c, user, index)
  if not is_member(c, user) then return answer(NOT_A_MEMBER) end
  if not has_room(index) then return answer(FULL) end
  log(c, KIND_ADMITTED, 0, index, {user})
end

-- The list of members is a new one, so earlier records of this call keep their audience.
local function admit(c, user, what, index)
  if what[1] == 1 then return announce_new(c, user, index) end
  if is_member(c, user) then return unchanged(c) end
  if not has_room(index) then return answer(FULL) end
  local members = {unpack(c.members)}
  members[#members + 1] = user
  table.sort(members)
  c.members, c.set, c.looked, c.group = members, nil, nil, nil
  call('HSET', c.key, 'm', pack(members))
  log(c, KIND_ADMITTED, 0, index, {user})
  call('RPUSH', prefix .. 'memberships', pack({version, c.id, 0, {user}, {}}))
end

-- Raises the floor below which the user sees no messages. Returns it.
local function clear(c, user, upto)
  local floors = group_of(c).floors
  local floor = math.max(floors[user] or 0, upto < 0 and c.seq or math.min(upto, c.seq))
  floors[user] = floor > 0 and floor or nil
  call('HSET', c.key, 'f', pack(floors))
  call('HDEL', c.key, format('u:%d', user))
  return floor
end

-- The seq of a record that marks the conversation as unread is the user's read mark.
local function mark_unread(c, user, on)
  local field = format('u:%d', user)
  if on ~= 1 then
    call('HDEL', c.key, field)
    return 0
  end
  call('HSET', c.key, field, 1)
  local read = call('HMGET', c.key, format('r:%d', user), format('h:%d', user))
  return math.max(tonumber(read[1] or '0'), tonumber(read[2] or '0'))
end

local function change_own_view(c, kind, user, what, index)
  if not has_room(index) then return answer(FULL) end
  local seq = 0
  if kind == KIND_CLEARED then
    if what[2] == 1 and group_of(c).kind == 'group' then return answer(FORBIDDEN) end
    seq = clear(c, user, what[1])
  elseif what[1] then
    seq = mark_unread(c, user, what[1])
  end
  log(c, kind, seq, index, {user})
end

local function run()
  if not begin() then return cmsgpack.pack({false}) end
  local ops = unpack_msg(ARGV[6])
  for i = 1, #ops, 4 do
    local kind, user, what = ops[i], ops[i + 2], ops[i + 3]
    local index = (i - 1) / 4
    local c = conversation_of(ops[i + 1])
    if not c then
      answer(UNKNOWN)
    elseif kind == KIND_RECEIPT_BATCH then
      move_marks(c, what, index)
    elseif kind == KIND_GROUP_CHANGED then
      change_group(c, user, what, index)
    elseif kind == KIND_ADMITTED then
      admit(c, user, what, index)
    elseif kind == KIND_MEDIA or kind == KIND_PROGRESS then
      log_media(c, kind, user, what, index)
    elseif kind == KIND_STREAM_ENDED then
      end_stream(c, user, what, index)
    elseif kind ~= KIND_MEDIA_RESOLVED and user ~= HOST and not is_member(c, user) then
      answer(NOT_A_MEMBER)
    elseif kind == KIND_SETTINGS or kind == KIND_DRAFTED or kind == KIND_CLEARED then
      change_own_view(c, kind, user, what, index)
    else
      change_message(c, kind, user, what, index)
    end
  end
  return finish()
end
return run()
