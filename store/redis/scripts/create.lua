-- create begins a term unless something is under the key.
--
-- KEYS  key, fence, index
-- ARGV  nonce, value, ttl in ms, channel
--
-- Answers the term's token; or {'held', ...} or {'foreign', ...} with what is
-- there (see row); or {'ended'} if this nonce's term is over. The nonce of the
-- live term has the answer of the first time and the full ttl again; the value
-- stays, for it may have been updated since.

local key, fence, index = KEYS[1], KEYS[2], KEYS[3]
local nonce, value, ttl, channel = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local deadline = deadline_after(ttl)
local r = inspect(key, fence)

if r.vouched and r.nonce == nonce then
  redis.call('HSET', fence, 'd', deadline, 'l', ARGV[3])
  keep(fence, ttl)
  redis.call('PEXPIREAT', key, deadline)
  redis.call('ZADD', index, 0, key)
  return tonumber(r.token)
end
if r.live then return row(r, key, index) end
if has_ended(r, nonce) then return {'ended'} end

local token = math.max((tonumber(r.token) or 0) + 1, micros)
if not (token < 2 ^ 53) then -- what is no number is none of ours either
  return redis.error_reply('ERR leasehold: the tokens of this key are used up')
end
if r.nonce then r.ended = ended_with(r, r.nonce) end
redis.call('HSET', fence, 't', string.format('%.0f', token), 'n', nonce, 's', '0', 'd', deadline,
  'l', ARGV[3], 'h', redis.sha1hex(value), 'e', r.ended)
keep(fence, ttl)
redis.call('SET', key, value, 'PXAT', deadline)
redis.call('ZADD', index, 0, key)
publish(channel, '+', key)
return token
