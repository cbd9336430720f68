-- Every script that touches a record begins with this text.
--
-- A record is two things, in one slot:
--
--   key    the value itself, a plain string with an expiry
--   fence  a string beside it that outlives it, of these fields in turn:
--            layout  1  '2'; a fence of another layout is refused, not guessed at
--            state   1  'l'; 'd' once the lease was deleted by its token, 'n' by its nonce
--            token  16  of the newest lease, decimal
--            nonce  16  of the create that began it, as bytes
--            mark    8  the first bytes of the sha1 of that nonce
--            store  16  the instance of the store that created it
--            ttl    13  in ms, decimal
--            seq    20  number of the value that was written last, decimal
--            length  7  of that value in bytes, decimal
--            sum    40  sha1 of that value, hexadecimal
--            ended   -  creates whose leases have ended; see ended.lua
--
-- The key lives for ttl and a millisecond, because Redis cuts off part of one. The fence
-- expires a constant time after it, DAY + 2 * ttl: when a slot moves, Redis carries times to
-- live and not deadlines. A renew sets both again, so that the distance is right once more.
--
-- A script answers a success with a number and a refusal with an array whose first
-- element is the reason. A refusal is a definite answer, so only a server that could
-- have written may give it: see refuse.
--
-- What costs time here: Lua hashes each new string byte by byte, a number that is an
-- argument of a command is printed as a floating point number, and each function is made
-- anew for each call. So the scripts read no more of a fence than they need, take
-- arguments that the client has written out, and share a text that is short.

local call, sub = redis.call, string.sub

local DAY = 24 * 60 * 60 * 1000
local FORM = 'xc1c16c16xxxxxxxxc16c13c20c7c40'
local WHOLE = 138 -- length of those fields
local SMALL = 4096 -- bytes of a value that is compared each time and shipped with a refusal

-- read_fence returns the text of a fence up to a place, '' if there is none. It raises an
-- error for one that it cannot read: its key is then neither free nor another program's.
local function read_fence(name, last)
  local text = redis.pcall('GETRANGE', name, 0, last)
  if text == '' then return text end
  if type(text) ~= 'string' then
    if sub(text.err, 1, 9) ~= 'WRONGTYPE' then error('leasehold: ' .. text.err, 0) end -- nothing is written
    text = ''
  end
  if #text < WHOLE or sub(text, 1, 1) ~= '2' then
    error('leasehold: the fence has a layout that this version does not know', 0)
  end
  return text
end

-- damaged raises the error for a fence that says what no script wrote.
local function damaged() error('leasehold: the fence is damaged', 0) end

-- fields returns what a fence says, or nil if there is none.
local function fields(text)
  if text == '' then return nil end
  local state, token, nonce, store, ttl, seq, length, sum = struct.unpack(FORM, text)
  ttl, length = tonumber(ttl), tonumber(length)
  if not (ttl and length and ttl >= 0 and ttl < 1e13 and length >= 0 and length < 1e7) then damaged() end
  return {state = state, token = token, nonce = nonce, store = store, ttl = ttl, seq = seq, length = length, sum = sum}
end

-- extend restarts the times to live of a key and its fence.
local function extend(key, fence, ttl)
  call('PEXPIRE', key, string.format('%d', ttl + 1))
  call('PEXPIRE', fence, string.format('%d', DAY + 3 * ttl + 1))
end

-- publish tells of a change on the channel of its key, '+' for a value and '-' with the
-- token for a delete, or of a delete on that of a store. It comes last and guarded, because
-- what was written stays written: without a right to the channel the answer must still be
-- the true one.
local function publish(channel, message) redis.pcall('PUBLISH', channel, message) end

-- refuse returns a refusal, from a server that takes writes: a replica has an error for a
-- write command, even for one that writes nothing.
local function refuse(fence, answer)
  call('GETEX', fence)
  return answer
end

-- typed calls a command that reads, and returns nil if what it finds is of another type.
local function typed(...)
  local answer = redis.pcall(...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if sub(answer.err, 1, 9) ~= 'WRONGTYPE' then error(answer.err, 0) end
  return nil
end

-- inspect looks at what lies under a key. It returns the time left in ms, -1 for no
-- expiry, or nil if nothing is there (a value in its last millisecond counts as gone), and
-- whether it is what the fence's lease wrote: the lease's own time has not passed, there is
-- an expiry, and the value is the one written last. A value of more than SMALL bytes is
-- compared by its length, and by its content if whole is true, or once in each ttl, or if the
-- two expiries are not at their distance within a second. A distance alone ends no lease: a
-- move of the slot can add to one of the two times to live and not to the other. It never
-- takes from one, so a lease whose own time has passed in the fence is over.
local function inspect(f, key, fence, whole)
  local alive = f and f.state == 'l'
  local own = alive and call('PTTL', fence) - (DAY + 2 * f.ttl) -- first: time goes on in a script of Redis 7.0
  local left = call('PTTL', key)
  if left == -2 or left == 0 then return nil, false end
  if not alive or left < 0 or own <= 0 then return left, false end
  if f.length > SMALL then
    if typed('STRLEN', key) ~= f.length then return left, false end
    if not whole and math.abs(own - left) <= 1000 then
      local time = call('TIME')
      local now = time[1] * 1000 + math.floor(time[2] / 1000)
      if math.floor(now / f.ttl) == math.floor((now - f.ttl + left) / f.ttl) then return left, true end
    end
  end
  local value = typed('GETRANGE', key, 0, f.length)
  if not value or #value ~= f.length or redis.sha1hex(value) ~= f.sum then return left, false, value end
  return left, true, value
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
    value = length and length <= most and call('GET', key)
  end
  if ours then return {'held', tonumber(f.token), math.min(left, f.ttl), value} end
  return {'foreign', left, value}
end

-- refusal says why the lease with this token may not write, or nil. To 'lost' it adds the token
-- of the record that is there, '0' if there is none, and the state of the fence, 'l' for one
-- of another lease, '' if there is none.
local function refusal(f, key, fence, left, ours, token)
  if left and not ours then return refuse(fence, row(f, key, SMALL, left)) end
  if not left or f.token ~= token then
    return refuse(fence, {'lost', left and f.token or '0', f and f.token == token and f.state or f and 'l' or ''})
  end
end
