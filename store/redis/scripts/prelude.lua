-- Every script that touches a record begins with this text.
--
-- A record is three things:
--
--   key    the value itself, a plain string with an expiry
--   fence  a hash beside it that outlives it:
--            t  token of the newest term
--            n  nonce of the create that began that term
--            s  number of the value that was written last, 0 for the first
--            d  deadline that was set last, in ms of the server's clock; 0 once
--               the term was deleted
--            l  time to live in ms
--            h  sha1 of the value that was written last
--            e  nonces of the terms before that have ended, newest first, each
--               followed by a space
--   index  a sorted set with the names of keys, all of score 0
--
-- A script answers a success with a number and a refusal with an array whose
-- first element names the reason.
--
-- Lua numbers are doubles. Milliseconds have 13 digits and are safe everywhere; a
-- token has 16, which tostring would write as 1.7e+15: format it with %.0f, and
-- compare tokens as strings.

local DAY = 24 * 60 * 60 * 1000
local ENDED = 16 * 33 -- length of the newest sixteen nonces, a space after each

-- now must be read before any expiry is, so that what has time left by the
-- latter is not past its deadline by the former.
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)

-- deadline_after rounds up: a record may not go before its ttl has passed.
local function deadline_after(ttl) return math.ceil(micros / 1000) + ttl end

-- keep puts off the end of a fence, which must outlive every message of its
-- term that may still be under way.
local function keep(fence, ttl) redis.call('PEXPIRE', fence, DAY + 2 * ttl) end

-- inspect returns what the fence says and what lies under the key:
--
--   live     something does; a value in its last millisecond counts as gone,
--            for the server's clock stands still within a script
--   left     its time left in ms, -1 for no expiry
--   value    its value, if it is a string
--   vouched  it is what the fence's term wrote, and not what another program
--            put there: the deadline lies ahead, the expiry agrees with it
--            within a second, and the value is the one written last
local function inspect(key, fence)
  local f = redis.call('HMGET', fence, 't', 'n', 's', 'd', 'l', 'h', 'e')
  local r = {
    token = f[1], nonce = f[2], seq = f[3] or '0',
    deadline = tonumber(f[4] or 0), ttl = tonumber(f[5] or 0), ended = f[7] or '',
  }
  local left = redis.call('PTTL', key)
  if left == -2 or left == 0 then return r end
  r.live, r.left = true, left
  if redis.call('TYPE', key).ok ~= 'string' then return r end
  r.value = redis.call('GET', key)
  r.vouched = r.deadline > now
    and left > 0 and math.abs(now + left - r.deadline) <= 1000
    and redis.sha1hex(r.value) == f[6]
  return r
end

-- row is how a script shows what it found:
--
--   {'held', token, left, value}      a record of ours
--   {'foreign', left, listed, value}  anything else; listed is 1 if the index has
--                                     the key, value is missing if it is no string
--   {'gone'}                          nothing
local function row(r, key, index)
  if not r.live then return {'gone'} end
  if r.vouched then
    return {'held', tonumber(r.token), math.min(r.left, r.ttl), r.value}
  end
  local listed = redis.call('ZSCORE', index, key) and 1 or 0
  return {'foreign', r.left, listed, r.value}
end

-- refusal says why the term with this token may not write, or nil.
local function refusal(r, token, key, index)
  if r.live and not r.vouched then return row(r, key, index) end
  if not r.live or r.token ~= token then return {'lost'} end
end

-- older compares sequence numbers, which have more digits than a Lua number.
local function older(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end

-- has_ended and ended_with ask for and add to the list of ended nonces.
local function has_ended(r, nonce)
  return r.nonce == nonce or string.find(r.ended, nonce .. ' ', 1, true) ~= nil
end

local function ended_with(r, nonce)
  return string.sub(nonce .. ' ' .. r.ended, 1, ENDED)
end

-- publish tells of a change: '+' for a value, '-' for the end of a record. It
-- comes last and guarded, because what was written stays written: without a
-- right to the channel the answer must still be the true one.
local function publish(channel, mark, key)
  redis.pcall('PUBLISH', channel, mark .. key)
end
