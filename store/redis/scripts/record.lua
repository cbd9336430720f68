-- Every script that touches a record begins with this text.
--
-- A record is two things, in one slot, and a third while somebody waits:
--
--   key    the value itself, a plain string with an expiry
--   fence  a string beside it that outlives it, of these fields, each with its first and last byte:
--            layout    1    1  '5'; a fence of another layout is refused, not guessed at
--            state     2    2  'l', or 'w' if a claim may be next; 'd' once the lease was deleted by its
--                              token, 'n' by its nonce
--            token     3   18  of the newest lease, decimal
--            ttl      19   31  in ms, decimal
--            length   32   38  of the value that was written last in bytes, decimal
--            check    39   78  that value itself and zeros if it has at most HELD bytes, else its
--                              sha1, hexadecimal
--            seq      79   98  number of that value, decimal
--            mark     99  106  of the create that began the lease: the first bytes of the sha1 of its nonce
--            store   107  122  the instance of the store that created it
--            ended   123    -  marks of creates whose leases have ended; see ended.lua
--   next   the claim that gets the key when the lease is deleted: the fields of its fence from ttl to
--          store, and its value. It expires a ttl and a millisecond after its holder last asked. Its
--          name is that of the fence with an n, and not among KEYS: in a slot that is being moved one
--          that is missing would have the server refuse the whole call.
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
-- argument of a command is printed as a floating point number, a table costs as much as a
-- command, each function is made anew for each call, and a sha1 costs more than most commands.
-- So the scripts read no more of a fence than they need, take its fields out of its text one by
-- one, write numbers as strings, compare short values themselves, take arguments that the client
-- has written out, and have few functions.

local call, sub = redis.call, string.sub

local DAY = 24 * 60 * 60 * 1000
local WHOLE, LAST = 122, '121' -- length of those fields, and the place of their last byte
local BARE, BARE_LAST = 78, '77' -- the same of those up to check, all that a renew without a value needs
local DAMAGED = 'leasehold: the fence is damaged' -- it says what no script wrote
local SMALL, SMALL_TEXT = 4096, '4096' -- bytes of a value that is compared each time and shipped with a refusal
local HELD, HELD_TEXT = 40, '40' -- bytes of a value that the fence holds itself

-- read_fence returns the text of a fence up to a place, '' if there is none. It raises an
-- error for one that it cannot read: its key is then neither free nor another program's.
local function read_fence(name, last)
  local text = redis.pcall('GETRANGE', name, '0', last)
  if text == '' then return text end
  if type(text) ~= 'string' then
    if sub(text.err, 1, 9) ~= 'WRONGTYPE' then error('leasehold: ' .. text.err, 0) end -- nothing is written
    text = ''
  end
  if #text < (last == BARE_LAST and BARE or WHOLE) or sub(text, 1, 1) ~= '5' then
    error('leasehold: the fence has a layout that this version does not know', 0)
  end
  return text
end

-- ttl_of returns the ttl of a fence in ms. The leases of one call have the same, as a rule.
local last_ttl, ttl_number, command, key_expiry, fence_expiry
local function ttl_of(text)
  local ttl = sub(text, 19, 31)
  if ttl ~= last_ttl then
    local n = tonumber(ttl)
    if not n or n < 0 or n >= 1e13 then error(DAMAGED, 0) end
    last_ttl, ttl_number, key_expiry = ttl, n, nil
  end
  return ttl_number
end

-- extend restarts the times to live of a key and its fence, and returns the ttl. For several leases
-- it writes deadlines, counted from one look at the clock: the server would make one of each time
-- to live, which costs more. With a condition of PEXPIRE it returns nil if the key does not meet that,
-- and true as well if the server refuses the command.
local function extend(text, key, fence, condition)
  local ttl = ttl_of(text)
  if not key_expiry then
    local start, form = 0, '%d'
    command = 'PEXPIRE'
    if #KEYS > 2 then
      local time = call('TIME')
      command, start, form = 'PEXPIREAT', time[1] * 1000 + math.floor(time[2] / 1000), '%.0f'
    end
    key_expiry, fence_expiry = string.format(form, start + ttl + 1), string.format(form, start + DAY + 3 * ttl + 1)
  end
  if condition then
    local answer = redis.pcall(command, key, key_expiry, condition)
    if answer ~= 1 then return nil, type(answer) == 'table' end
  else
    call(command, key, key_expiry)
  end
  call(command, fence, fence_expiry)
  return ttl
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
-- an expiry, and the value is the one written last. The length of a value is compared, and its
-- content; that of more than SMALL bytes if whole is true, or once in each ttl, or if the two
-- expiries are not at their distance within a second. A distance alone ends no lease: a
-- move of the slot can add to one of the two times to live and not to the other. It never
-- takes from one, so a lease whose own time has passed in the fence is over.
local function inspect(text, key, fence, whole)
  local state, ttl, own = sub(text, 2, 2), nil, nil
  local alive = state == 'l' or state == 'w'
  if alive then
    ttl = ttl_of(text)
    own = call('PTTL', fence) - DAY - 2 * ttl -- first: time goes on in a script of Redis 7.0
  end
  local left = call('PTTL', key)
  if left == -2 or left == 0 then return nil, false end
  if not alive or left < 0 or own <= 0 then return left, false end
  local length, last = tonumber(sub(text, 32, 38)), SMALL_TEXT
  if not length then error(DAMAGED, 0) end
  if length > SMALL then
    if typed('STRLEN', key) ~= length then return left, false end
    if not whole and math.abs(own - left) <= 1000 then
      local time = call('TIME')
      local now = time[1] * 1000 + math.floor(time[2] / 1000)
      if math.floor(now / ttl) == math.floor((now - ttl + left) / ttl) then return left, true end
    end
    last = '-1'
  end
  local value = typed('GETRANGE', key, '0', last)
  if not value or #value ~= length then return left, false, value end
  if length <= HELD then return left, value == sub(text, 39, 38 + length), value end
  return left, redis.sha1hex(value) == sub(text, 39, BARE), value
end

-- row is how a script shows what it found:
--
--   {'held', token, left, value}  a record of ours
--   {'foreign', left, value}      anything else
--   {'gone'}                      nothing
--
-- value is missing if it has more than SMALL bytes or is no string. An ours that read it
-- hands it on.
local function row(text, key, left, ours, value)
  if not left then return {'gone'} end
  if not ours or not value or #value > SMALL then
    local length = typed('STRLEN', key)
    value = length and length <= SMALL and call('GET', key)
  end
  if ours then return {'held', tonumber(sub(text, 3, 18)), math.min(left, ttl_of(text)), value} end
  return {'foreign', left, value}
end

-- refusal says why the lease with this token may not write, or nil. To 'lost' it adds the token
-- of the record that is there, '0' if there is none, and the state of the fence, 'l' for one
-- of another lease, '' if there is none.
local function refusal(text, key, fence, left, ours, token)
  if left and not ours then return refuse(fence, row(text, key, left)) end
  local last = sub(text, 3, 18)
  if not left or last ~= token then
    local state = last == token and sub(text, 2, 2) or text ~= '' and 'l' or ''
    return refuse(fence, {'lost', left and last or '0', state == 'w' and 'l' or state})
  end
end
