-- create begins a lease unless something is under the key.
--
-- KEYS  key, fence
-- ARGV  nonce, instance of the store, value, ttl in ms, channels
--
-- Answers the lease's token; or {'held', ...} or {'foreign', ...} with what is there (see
-- row); or {'ended'} if this nonce's lease is over. The nonce of the live lease has the
-- answer of the first time and the full ttl again; the value stays, for it may have been
-- updated since.

local key, fence = KEYS[1], KEYS[2]
local nonce, instance, value, ttl = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local f = fence_of(fence)

local past = ended(f)
if not f or f.nonce ~= nonce and not has_ended(past, nonce) then
  local time = redis.call('TIME')
  local token = math.max((f and tonumber(f.token) or 0) + 1, time[1] * 1000000 + time[2])
  if not (token < 2 ^ 53) then error('leasehold: the tokens of this key are used up', 0) end
  local created = redis.call('SET', key, value, 'NX', 'PX', ttl + 1)
  if not created and redis.call('PTTL', key) == 0 then
    created = redis.call('SET', key, value, 'PX', ttl + 1) -- over a value in its last millisecond
  end
  if created then
    if f and f.nonce ~= '00000000000000000000000000000000' then past = string.sub(f.nonce .. past, 1, ENDED) end
    redis.call('SET', fence, '1l' .. string.format('%016.0f', token) .. nonce .. instance
      .. '00000000000000000000' .. string.format('%07d%013.0f', #value, ttl) .. redis.sha1hex(value) .. past,
      'PX', DAY + 3 * ttl + 1)
    publish(ARGV[5] .. 'k:' .. key, '+')
    return token
  end
end

local left, ours, there = inspect(f, key, fence, true)
if ours and f.nonce == nonce then
  extend(key, fence, f.ttl)
  return tonumber(f.token)
end
if left then return refuse(fence, row(f, key, SMALL, left, ours, there)) end
return refuse(fence, {'ended'})
