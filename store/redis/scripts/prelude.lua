-- Every script that touches a record begins with this text.
--
-- A record is two things, in one slot:
--
--   key    the value itself, a plain string with an expiry
--   fence  a string beside it that outlives it, of these fields in turn:
--            layout  1  '1'; a fence of another layout is refused, not guessed at
--            state   1  'l', or 'd' once the lease was deleted
--            token  16  of the newest lease, decimal
--            nonce  32  of the create that began it, hexadecimal
--            store  16  the instance of the store that created it
--            seq    20  number of the value that was written last, decimal
--            length  7  of that value in bytes, decimal
--            ttl    13  in ms, decimal
--            sum    40  sha1 of that value, hexadecimal
--            ended   -  nonces of leases of the key that have ended, newest first
--
-- The key lives for ttl and a millisecond, because Redis cuts off part of one. The fence
-- always expires a constant time after it, DAY + 2 * ttl: when a slot moves, Redis carries
-- times to live and not deadlines.
--
-- A script answers a success with a number and a refusal with an array whose first
-- element is the reason. A refusal is a definite answer, so only a server that could
-- have written may give it: see refuse.
--
-- Lua numbers are doubles. Tokens have 16 digits, which tostring would write as
-- 1.7e+15: format them with %.0f, and compare them as strings of one length.

local DAY = 24 * 60 * 60 * 1000
local FORM = 'c1c1c16c32c16c20c7c13c40'
local WHOLE = 146 -- length of those fields
local ENDED = 16 * 32 -- of the newest sixteen nonces
local SMALL = 4096 -- bytes of a value that is compared each time and shipped with a refusal

-- typed calls a command that reads, and returns nil if what it finds is of another type.
local function typed(...)
  local answer = redis.pcall(...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if string.sub(answer.err, 1, 9) ~= 'WRONGTYPE' then error(answer.err, 0) end
  return nil
end

-- fence_of returns the fields of a fence, or nil if there is none. It raises an error for
-- one that it cannot read: its key is then neither free nor another program's.
local function fence_of(name)
  local text = typed('GET', name)
  if text == false then return nil end
  if not text or string.sub(text, 1, 1) ~= '1' or #text < WHOLE then
    error('leasehold: the fence has a layout that this version does not know', 0)
  end
  local f, _ = {text = text}
  _, f.state, f.token, f.nonce, f.store, f.seq, f.length, f.ttl, f.sum = struct.unpack(FORM, text)
  if string.find(f.token, '%D') or string.find(string.sub(text, 67, 106), '%D') then -- seq, length, ttl
    error('leasehold: the fence is damaged', 0)
  end
  f.length, f.ttl = tonumber(f.length), tonumber(f.ttl)
  return f
end

-- ended is the list of nonces that a fence knows to have ended.
local function ended(f) return f and string.sub(f.text, WHOLE + 1) or '' end

-- has_ended looks for a nonce in such a list.
local function has_ended(list, nonce)
  for at = 1, #list, 32 do
    if string.sub(list, at, at + 31) == nonce then return true end
  end
  return false
end

-- extend restarts the times to live of a key and its fence.
local function extend(key, fence, ttl)
  redis.call('PEXPIRE', key, ttl + 1)
  redis.call('PEXPIRE', fence, DAY + 3 * ttl + 1)
end

-- inspect looks at what lies under a key. It returns the time left in ms, -1 for no
-- expiry, or nil if nothing is there (a value in its last millisecond counts as gone), and
-- whether it is what the fence's lease wrote: the lease's own time has not passed, the two
-- expiries have their distance, within a second, and the value is the one written last. A value of more than SMALL bytes is
-- compared by its length, and by its content if whole is true or once in each ttl; a value
-- of another length is never read.
local function inspect(f, key, fence, whole)
  local left = redis.call('PTTL', key)
  if left == -2 or left == 0 then return nil, false end
  if not f or f.state ~= 'l' or left < 0 then return left, false end
  local own = redis.call('PTTL', fence) - (DAY + 2 * f.ttl)
  if own <= 0 or math.abs(own - left) > 1000 then return left, false end
  if f.length <= SMALL then
    local value = typed('GETRANGE', key, 0, f.length)
    return left, value and #value == f.length and redis.sha1hex(value) == f.sum, value
  end
  if typed('STRLEN', key) ~= f.length then return left, false end
  if not whole then
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    whole = math.floor(now / f.ttl) ~= math.floor((now - f.ttl + left) / f.ttl)
  end
  if not whole then return left, true end
  local value = redis.call('GET', key)
  return left, redis.sha1hex(value) == f.sum, value
end

-- row is how a script shows what it found:
--
--   {'held', token, left, value}  a record of ours
--   {'foreign', left, value}      anything else
--   {'gone'}                      nothing
--
-- value is missing if it has more than most bytes or is no string. An ours that read it
-- hands it on.
local function row(f, key, most, left, ours, value)
  if not left then return {'gone'} end
  if not ours or not value or #value > most then
    local length = typed('STRLEN', key)
    value = length and length <= most and redis.call('GET', key)
  end
  if ours then return {'held', tonumber(f.token), math.min(left, f.ttl), value} end
  return {'foreign', left, value}
end

-- refuse returns a refusal, from a server that takes writes: a replica has an error for a
-- write command, even for one that writes nothing.
local function refuse(fence, answer)
  redis.call('GETEX', fence)
  return answer
end

-- refusal says why the lease with this token may not write, or nil.
local function refusal(f, key, fence, left, ours, token)
  if left and not ours then return refuse(fence, row(f, key, SMALL, left)) end
  if not left or f.token ~= token then return refuse(fence, {'lost'}) end
end

-- with_value is a fence with another value's number, length and sum.
local function with_value(f, seq, value)
  return string.sub(f.text, 1, 66) .. seq .. string.format('%07d', #value)
    .. string.sub(f.text, 94, 106) .. redis.sha1hex(value) .. ended(f)
end

-- each calls one for every key and fence in KEYS, with so many arguments of ARGV behind
-- the first. What an item raises is its answer, and does not keep others from theirs.
local function each(arguments, one)
  local answers = {}
  for i = 1, #KEYS / 2 do
    local a = 1 + (i - 1) * arguments
    local ok, answer = pcall(one, KEYS[2 * i - 1], KEYS[2 * i], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3])
    if ok then
      answers[i] = answer
    else
      answers[i] = {'error', type(answer) == 'table' and answer.err or answer}
    end
  end
  return answers
end

-- publish tells of a change on the channel of its key, '+' for a value and '-' with the
-- token for a delete, or of a delete on that of a store. It comes last and guarded, because what was written stays written: without
-- a right to the channel the answer must still be the true one.
local function publish(channel, message) redis.pcall('PUBLISH', channel, message) end
