-- Adds text to streams, and closes them. Begins with log.lua, which describes KEYS, ARGV and the returned value. append.lua
-- opens a stream with its message, change.lua ends it. Text is fanned out and collected here, and never logged.
--
-- ARGV 6: four values per operation, one after the other: kind, conversation, user (HOST for the host's server), what:
--     {'append', id, from, characters, maximum, shadow}
--                                                  the text is the body of the operation's record: it follows the first
--                                                  `from` characters, and has this many itself. With `shadow`, a stream that
--                                                  others see takes no text: its writer has a shadow suspension
--     {'close', id, 1 if not by its writer}       takes no more text
-- Results are four numbers per operation, in order: what, length or seq, 0, conversation:
--     0  done; for 'append' with the length of the text, for 'close' with the seq: end it now
--     4  conversation not in Redis                  7  for 'close': it has ended, or its writer is about to end it
--     16 only owners and admins write in this group
--     9  the user is a member, but not the writer   12 no such stream, or the writer is not a member any more
--     20 it has ended (for 'close' by its writer: somebody else ended it)
--     21 a gap, or another text is there            22 the text would be longer than the maximum
-- On the bus: {users, {31, conversation, seq, id, from, text, session}}

local UNKNOWN, UNCHANGED, FORBIDDEN, NOT_FOUND, READ_ONLY, STOPPED, GAP, TEXT_FULL = 4, 7, 9, 12, 16, 20, 21, 22

-- A text that was collected in another epoch belongs to a message that may be lost.
local function stream_of(id)
  local place = call('GET', prefix .. 'sid:' .. id)
  if not place then return nil end
  local conversation, seq = string.match(place, '^(%d+):(%d+)$')
  local key = prefix .. 's:' .. place
  local f = call('HMGET', key, 'e', 'n', 'w', 'z', 'b', 'h')
  if not f[1] or tonumber(f[1]) ~= epoch then return nil end
  return {id = id, place = place, key = key, text = prefix .. 'sx:' .. place, conversation = tonumber(conversation),
          seq = tonumber(seq), length = tonumber(f[2]), writer = tonumber(f[3]), state = f[4], by_others = f[5], shadow = f[6]}
end

local function keep_open(s, c)
  call('ZADD', prefix .. 'streams', now_ms, s.place)
  for _, key in ipairs({s.key, s.text, prefix .. 'sid:' .. s.id, prefix .. 'so:' .. format('%d', c.id)}) do
    call('EXPIRE', key, ARGV[5])
  end
  if c.refresh then
    call('HSET', c.key, 'x', now_s)
    call('EXPIRE', c.key, ARGV[5])
    if c.large then of_large().refresh(c) end
    c.refresh = false
  end
end

-- The members who may see the message, as for its changes (change.lua).
local function readers(c, s)
  if s.shadow then return {s.writer} end
  local to = audience(c, s.writer)
  if to ~= c.members then return to end
  local packed = call('HGET', c.key, 'f')
  return members_seeing(c, packed and unpack_msg(packed) or {}, s.seq)
end

-- The number of bytes of the first `characters` of a UTF-8 text.
local function bytes_of(text, characters)
  local at = 0
  for _ = 1, characters do _, at = string.find(text, '^.[\128-\191]*', at + 1) end
  return at
end

-- The new part of a text that begins before the end of the collected one, or nil if the texts differ.
local function new_part(s, from, text)
  local there = call('GET', s.text) or ''
  local rest = string.sub(there, bytes_of(there, from) + 1)
  if string.sub(rest, 1, #text) == text then return '' end
  if string.sub(text, 1, #rest) ~= rest then return nil end
  return string.sub(text, #rest + 1)
end

local function append(user, what, index)
  local from, characters = what[3], what[4]
  local s = stream_of(what[2])
  if not s then return answer(NOT_FOUND) end
  local c = conversation_of(s.conversation)
  if not c then return answer(UNKNOWN, 0, 0, s.conversation) end
  if user ~= HOST and user ~= s.writer then return answer(is_member(c, user) and FORBIDDEN or NOT_FOUND) end
  if (user ~= HOST and not is_member(c, user)) or call('EXISTS', prefix .. 'y:' .. s.place) == 1 then return answer(NOT_FOUND) end
  if s.state or (what[6] and not s.shadow) then return answer(STOPPED) end
  if user ~= HOST and c.read_only and not leads(c, user) then return answer(READ_ONLY) end
  if from > s.length then return answer(GAP, s.length) end
  local ending = unpack_msg('\149' .. ARGV[FIRST_END + index])
  local text = ending[3]
  if from < s.length then
    text = new_part(s, from, text)
    if not text then return answer(GAP, s.length) end
    characters = text == '' and 0 or characters - (s.length - from)
    from = s.length
  end
  if from + characters > what[5] then return answer(TEXT_FULL, s.length) end
  if characters > 0 then
    call('APPEND', s.text, text)
    call('HINCRBY', s.key, 'n', characters)
    fan_out(readers(c, s), pack({KIND_APPENDED, c.id, s.seq, s.id, from, text, ending[4]}))
  end
  keep_open(s, c)
  answer(0, from + characters, 0, c.id)
end

local function close(user, what)
  local s, by_others = stream_of(what[2]), what[3] == 1
  if not s then return answer(NOT_FOUND) end
  if not by_others and user ~= HOST and user ~= s.writer then return answer(FORBIDDEN) end
  local mine = (s.by_others == '1') == by_others  -- who closed it, if it is closed
  local decided = UNCHANGED
  if not s.state then
    call('HSET', s.key, 'z', 1, 'b', by_others and 1 or 0)
    call('ZADD', prefix .. 'streams', now_ms, s.place)  -- if the process dies now, the sweep ends it
    decided = 0
  elseif not by_others and not mine then
    decided = STOPPED
  elseif mine and s.state == '1' then
    decided = 0
  end
  answer(decided, s.seq, 0, s.conversation)
end

local function run()
  if not begin() then return cmsgpack.pack({false}) end
  local ops = unpack_msg(ARGV[6])
  for i = 1, #ops, 4 do
    local user, what = ops[i + 2], ops[i + 3]
    if what[1] == 'append' then
      append(user, what, (i - 1) / 4)
    else
      close(user, what)
    end
  end
  return finish()
end
return run()
