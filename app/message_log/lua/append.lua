-- Decides, orders, logs and fans out a batch of messages, marks and typing in one atomic step. Begins with log.lua,
-- which tells KEYS, ARGV and the form of what is returned.
--
-- ARGV 6: four numbers or strings an operation, one after the other:
--     1, conversation, sender, id     a message
--     2, conversation, user, seq      delivered up to seq
--     3, conversation, user, seq      read up to seq
--     4, conversation, user, on       typing; fanned out, never logged
-- Results are four numbers an operation, in order:
--     0, seq, version, sent_ms         done
--     1, seq, version, sent_ms         the same id was here before, and Postgres has it
--     2, seq, version, sent_ms         the same id was here before, and Postgres does not have it yet
--     3 the id is another sender's     4 conversation not in Redis: hydrate, then call again
--     5 not a member                   6 the log is full
--     7, seq, version                  a mark that moves nothing and stands at seq, all of the conversation is stored
--     8, seq, version                  the same, and what is not stored yet ends with version
--     9 the sender has blocked the receiver
--     13                               a mark in a large conversation: to be gathered (change.lua, RECEIPT_BATCH)
-- Typing on the bus is {users, {4, conversation, user, on}}.

local DONE, UNKNOWN, NOT_A_MEMBER, FULL, UNCHANGED, UNCHANGED_PENDING, FORBIDDEN, DEFER = 0, 4, 5, 6, 7, 8, 9, 13
local MESSAGE, BLOCKED_MESSAGE = 1, 17
local LARGE = 100

local function has_blocked(c, user)
  for i = 1, #(c.blockers or {}) do
    if c.blockers[i] == user then return true end
  end
  return false
end

local function add_message(c, sender, id, index)
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
  log(c, to == c.members and MESSAGE or BLOCKED_MESSAGE, c.seq, index, to)
end

local function move_mark(c, kind, user, seq, index)
  if #c.members > LARGE then return answer(DEFER) end
  local d, r = format('d:%d', user), format('r:%d', user)
  local marks = call('HMGET', c.key, d, r)
  local delivered, read = tonumber(marks[1] or '0'), tonumber(marks[2] or '0')
  seq = math.min(seq, c.seq)
  local stands = kind == 2 and delivered or read
  if seq <= stands then
    return answer(c.lv <= stored and UNCHANGED or UNCHANGED_PENDING, stands, c.lv)
  end
  if #records >= room then return answer(FULL) end
  if kind == 2 then
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
  if #others > 0 then fan_out(others, pack({4, c.id, user, on})) end
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
  elseif kind == 1 then
    add_message(c, user, what, index)
  elseif kind == 4 then
    show_typing(c, user, what)
  else
    move_mark(c, kind, user, what, index)
  end
end
return finish()
