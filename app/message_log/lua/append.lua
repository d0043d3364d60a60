-- Decides, orders, logs and fans out a batch of messages, marks and typing in one atomic step. Begins with log.lua,
-- which describes KEYS, ARGV and the returned value.
--
-- ARGV 6: four numbers or strings per operation, one after the other:
--     1, conversation, sender, id     a message; {id, quoted} if it quotes a message (log.lua); {id, quoted or false, flags}
--                                     with flag 1 if the host's server sends it (no right of the sender is checked, and HOST
--                                     may send), flag 2 if it begins a stream (stream.lua), flag 4 if only its sender
--                                     sees it, who has a shadow suspension, and flag 8 if the id was looked up in Postgres,
--                                     because its dedupe mark may have expired;
--                                     {id, false, 1, ms} if it is imported: it was sent at ms, and no block hides it
--     2, conversation, user, seq      delivered, up to and including seq
--     3, conversation, user, seq      read, up to and including seq
--     36, conversation, user, seq     read, by a user with a shadow suspension: only the user sees it
--     4, conversation, user, on       typing; fanned out, never logged. If `on` is '', nobody sees it
--     30, conversation, user, body    an event of an application; fanned out, never logged. If the body is '', nobody sees it
-- The last ARGV: the epoch in which the ids of the messages were looked up in Postgres, or known to be new; 0 for none.
-- Results are four numbers per operation, in order:
--     0, seq, version, sent_ms         done
--     1, seq, version, sent_ms         the same id was accepted before, and it is in Postgres
--     2, seq, version, sent_ms         the same id was accepted before, and it is not in Postgres yet
--     3 the id is another sender's     4 conversation not in Redis: hydrate it, then call again
--     5 not a member                   6 the log is full
--     7, seq, version                  the mark does not move, it stands at seq; the whole conversation is stored
--     8, seq, version                  the mark does not move; the last unstored record has this version
--     9 the sender has blocked the receiver
--     15 looked up in another epoch: its mark may be lost, so look up again
--     16 only admins may write here
--     13                               a mark in a large conversation: send it in a RECEIPT_BATCH (change.lua)
-- Typing and events of applications on the bus are {users, {kind, conversation, user, on or body}}.

local ID_CONFLICT = 3
local DONE, UNKNOWN, NOT_A_MEMBER, FULL, UNCHANGED, UNCHANGED_PENDING, FORBIDDEN, DEFER = 0, 4, 5, 6, 7, 8, 9, 13
local STALE, READ_ONLY = 15, 16
local FROM_HOST, BEGINS_STREAM, SHADOW, LOOKED_UP = 1, 2, 4, 8  -- flags of a message
local looked_up  -- the epoch in which the ids were looked up

-- Returns the number of the result if the sender may not write here, or nil.
local function refusal_of(c, sender)
  for i = 1, #(c.blockers or '') do
    if c.blockers[i] == sender then return FORBIDDEN end
  end
  if c.read_only and not leads(c, sender) then return READ_ONLY end
end

-- Begins to collect the text of the message that was just logged (stream.lua).
local function open_stream(c, sender, id, shadow, from_host)
  local place, day = format('%d:%d', c.id, c.seq), ARGV[5]
  call('HSET', prefix .. 's:' .. place, 'e', format('%.0f', epoch), 'n', 0, 'w', sender, 'i', id)
  if shadow then call('HSET', prefix .. 's:' .. place, 'h', 1) end
  if from_host then call('HSET', prefix .. 's:' .. place, 'g', 1) end
  call('EXPIRE', prefix .. 's:' .. place, day)
  call('SET', prefix .. 'sid:' .. id, place, 'EX', day)
  local open = prefix .. 'so:' .. format('%d', c.id)
  call('SADD', open, c.seq)
  call('EXPIRE', open, day)
  call('ZADD', prefix .. 'streams', now_ms, place)
end

local function has_flag(what, flag)
  return type(what) == 'table' and math.floor((what[3] or 0) / flag) % 2 == 1
end

-- Returns the dedupe mark of a message that is not in Postgres yet and has this id, or nil. If Postgres is away for
-- long, the message outlives its mark.
local function mark_of_waiting(c, id)
  local tail = call('LRANGE', c.tail, 0, -1)
  for i = 1, #tail do
    local r = string.find(tail[i], id, 1, true) and unpack_msg(tail[i]) or {}  -- decoding all would take long
    local adds = r[1] == KIND_MESSAGE or r[1] == KIND_BLOCKED_MESSAGE or r[1] == KIND_SHADOW_MESSAGE
    if adds and r[7] == id then return format('%d:%.0f:%.0f:%d', r[3], r[4], r[5], r[6]) end
  end
end

local function add_message(c, sender, what, index)
  if looked_up ~= 0 and looked_up ~= epoch then return answer(STALE) end
  local id, quoted, from_host, begins_stream, shadow, was_looked_up, ms = what, nil, false, false, false, false, nil
  if type(what) == 'table' then
    id, quoted, ms = what[1], what[2] or nil, what[4]
    from_host, begins_stream = has_flag(what, FROM_HOST), has_flag(what, BEGINS_STREAM)
    shadow, was_looked_up = has_flag(what, SHADOW), has_flag(what, LOOKED_UP)
  end
  local key, refused = c.marks .. id, not from_host and refusal_of(c, sender)
  if refused or not has_room(index) then
    local mark = call('GET', key)
    if mark then return sent_before(mark, sender) end
    return answer(refused or FULL)
  end
  -- Appends name a stream only by its id, so no second one may have it.
  if begins_stream and call('EXISTS', key) == 0 and call('EXISTS', prefix .. 'sid:' .. id) == 1 then return answer(ID_CONFLICT) end
  local waiting = was_looked_up and call('EXISTS', key) == 0 and mark_of_waiting(c, id)
  if waiting then return sent_before(waiting, sender) end
  local seconds = was_looked_up and LONG_SECONDS or ARGV[4]
  local before = call('SET', key, next_mark(c, sender, ms), 'NX', 'GET', 'EX', seconds)
  if before then return sent_before(before, sender) end
  c.seq = c.seq + 1
  local to = ms and c.members or audience(c, sender)
  local kind = to == c.members and KIND_MESSAGE or KIND_BLOCKED_MESSAGE
  if shadow then to, kind = {sender}, KIND_SHADOW_MESSAGE end
  log(c, kind, c.seq, index, to, quoted, ms)
  if begins_stream then open_stream(c, sender, id, shadow, from_host) end
end

local function move_mark(c, kind, user, seq, index)
  if c.large then return answer(DEFER) end
  local d, r = format('d:%d', user), format('r:%d', user)
  local marks = call('HMGET', c.key, d, r)
  local delivered, read = tonumber(marks[1] or '0'), tonumber(marks[2] or '0')
  seq = math.min(seq, c.seq)
  local stands = kind == KIND_DELIVERED and delivered or read
  if seq <= stands then
    if kind == KIND_READ and #records < room then end_marked_unread(c, user, index) end
    return answer(c.lv <= stored and UNCHANGED or UNCHANGED_PENDING, stands, c.lv)
  end
  if #records >= room then return answer(FULL) end
  if kind == KIND_DELIVERED then
    call('HSET', c.key, d, seq)
  else
    call('HSET', c.key, r, seq, d, math.max(seq, delivered))
  end
  log(c, kind, seq, index, audience(c, user))
end

-- Moves a read mark that only its user sees. If the field is missing after a loss, the record repeats an older one.
local function move_shadow_read(c, user, seq, index)
  local field = format('h:%d', user)
  local marks = call('HMGET', c.key, format('r:%d', user), field)
  local stands = math.max(tonumber(marks[1] or '0'), tonumber(marks[2] or '0'))
  seq = math.min(seq, c.seq)
  if #records < room then end_marked_unread(c, user, index) end
  if seq <= stands then return answer(c.lv <= stored and UNCHANGED or UNCHANGED_PENDING, stands, c.lv) end
  if #records >= room then return answer(FULL) end
  call('HSET', c.key, field, seq)
  log(c, KIND_SHADOW_READ, seq, index, {user})
end

local function show_others(c, kind, user, what)
  if c.read_only and not leads(c, user) then return answer(READ_ONLY) end
  local others = c.large and of_large().all_but(c, {user}) or {}
  for _, member in ipairs(audience(c, user)) do
    if member ~= user then others[#others + 1] = member end
  end
  if (#others > 0 or c.large) and what ~= '' then fan_out(others, pack({kind, c.id, user, what})) end
  answer(DONE)
end

local function run()
  if not begin() then return cmsgpack.pack({false}) end
  looked_up = tonumber(ARGV[#ARGV])
  local ops = unpack_msg(ARGV[6])
  for i = 1, #ops, 4 do
    local kind, user, what = ops[i], ops[i + 2], ops[i + 3]
    local index = (i - 1) / 4
    local c = conversation_of(ops[i + 1])
    if not c then
      answer(UNKNOWN)
    elseif not is_member(c, user) and not (kind == KIND_MESSAGE and has_flag(what, FROM_HOST)) then
      answer(NOT_A_MEMBER)
    elseif kind == KIND_MESSAGE then
      add_message(c, user, what, index)
    elseif kind == KIND_TYPING or kind == KIND_CUSTOM then
      show_others(c, kind, user, what)
    elseif kind == KIND_SHADOW_READ then
      move_shadow_read(c, user, what, index)
    else
      move_mark(c, kind, user, what, index)
    end
  end
  return finish()
end
return run()
