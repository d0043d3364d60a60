-- Changes of messages and of groups: checks the permission, applies the change and logs it in one atomic step, so that
-- simultaneous changes do not overwrite each other. Begins with log.lua, which describes KEYS, ARGV and the returned value,
-- and with groups.lua.
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

local VERSION_CONFLICT, STALE, READ_ONLY, STOPPED = 14, 15, 16, 20
local EDITS = {[KIND_EDITED] = true, [KIND_SHADOW_EDITED] = true}
local PINS = {[KIND_PINNED] = true, [KIND_SHADOW_PINNED] = true}
local STREAM_TEXT_SECONDS = 60  -- for readers for whom the stream was still open

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
