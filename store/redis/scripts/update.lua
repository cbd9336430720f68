-- update replaces the value of a lease and leaves its expiry where it is.
--
-- KEYS  key, fence
-- ARGV  channels, token, seq, value
--
-- Answers 1; or {'lost'}; or {'foreign', ...} (see row); or {'stale'} if a value with a
-- higher number has been written. The same number again is the same write come twice.

local key, fence = KEYS[1], KEYS[2]
local token, seq, value = ARGV[2], ARGV[3], ARGV[4]
local f = fence_of(fence)
local left, ours = inspect(f, key, fence, true)

local refused = refusal(f, key, fence, left, ours, token)
if refused then return refused end
if seq < f.seq then return refuse(fence, {'stale'}) end
if seq == f.seq then return 1 end

redis.call('SET', fence, with_value(f, seq, value), 'KEEPTTL')
redis.call('SET', key, value, 'XX', 'KEEPTTL')
publish(ARGV[1] .. 'k:' .. key, '+')
return 1
