-- Decides, orders, logs and fans out a batch of messages, marks and typing in one atomic step. Begins with log.lua,
-- which describes KEYS, ARGV and the returned value.
--
-- ARGV 6: four numbers or strings per operation, one after the other:
--     1, conversation, sender, id     a message; {id, quoted} if it quotes a message (log.lua)
--     2, conversation, user, seq      delivered, up to and including seq
--     3, conversation, user, seq      read, up to and including seq
--     4, conversation, user, on       typing; fanned out, never logged
-- Results are four numbers per operation, in order:
--     0, seq, version, sent_ms         done
--     1, seq, version, sent_ms         the same id was accepted before, and it is in Postgres
--     2, seq, version, sent_ms         the same id was accepted before, and it is not in Postgres yet
--     3 the id is another sender's     4 conversation not in Redis: hydrate it, then call again
--     5 not a member                   6 the log is full
--     7, seq, version                  the mark does not move, it stands at seq; the whole conversation is stored
--     8, seq, version                  the mark does not move; the last unstored record has this version
--     9 the sender has blocked the receiver
--     13                               a mark in a large conversation: send it in a RECEIPT_BATCH (change.lua)
-- Typing on the bus is {users, {4, conversation, user, on}}.

local DONE, UNKNOWN, NOT_A_MEMBER, FULL, UNCHANGED, UNCHANGED_PENDING, FORBIDDEN, DEFER = 0, 4, 5, 6, 7, 8, 9, 13
local LARGE = 100

local function has_blocked(c, user)
  for i = 1, #(c.blockers or {}) do
    if c.blockers[i] == user then return true end
  end
  return false
end

local function add_message(c, sender, what, index)
  local id, quoted = what, nil
  if type(what) == 'table' then id, quoted = what[1], what[2] end
  local key, forbidden = c.marks .. id, has_blocked(c, sender)
  if forbidden or not has_room(index) then
    local mark = call('GET', key)
    if mark then return sent_before(mark, sender) end
    return answer(forbidden and FORBIDDEN or FULL)
  end
  local before = call('SET', key, next_mark(c, sender), 'NX', 'GET', 'EX', ARGV[4])
  if before then return sent_before(before, sender) end
  c.seq = c.seq + 1
  local to = audience(c, sender)
  log(c, to == c.members and KIND_MESSAGE or KIND_BLOCKED_MESSAGE, c.seq, index, to, quoted)
end

local function move_mark(c, kind, user, seq, index)
  if #c.members > LARGE then return answer(DEFER) end
  local d, r = format('d:%d', user), format('r:%d', user)
  local marks = call('HMGET', c.key, d, r)
  local delivered, read = tonumber(marks[1] or '0'), tonumber(marks[2] or '0')
  seq = math.min(seq, c.seq)
  local stands = kind == KIND_DELIVERED and delivered or read
  if seq <= stands then
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

local function show_typing(c, user, on)
  local others = {}
  for _, member in ipairs(audience(c, user)) do
    if member ~= user then others[#others + 1] = member end
  end
  if #others > 0 then fan_out(others, pack({KIND_TYPING, c.id, user, on})) end
  answer(DONE)
end

local ops = unpack_msg(ARGV[6])
for i = 1, #ops, 4 do
  local kind, user, what = ops[i], ops[i + 2], ops[i + 3]
  local index = (i - 1) / 4
  local c = conversation_of(ops[i + 1])
  if not c then
    answer(UNKNOWN)
  elseif not is_member(c, user) then
    answer(NOT_A_MEMBER)
  elseif kind == KIND_MESSAGE then
    add_message(c, user, what, index)
  elseif kind == KIND_TYPING then
    show_typing(c, user, what)
  else
    move_mark(c, kind, user, what, index)
  end
end
return finish()
