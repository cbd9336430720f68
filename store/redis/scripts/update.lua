-- update replaces the value of a term and leaves its expiry where it is.
--
-- KEYS  key, fence, index
-- ARGV  token, seq, value, channel
--
-- Answers 1; or {'lost'}; or {'foreign', ...} (see row); or {'stale'} if a value
-- with a higher number has been written. The same number again is the same
-- write come twice.

local key, fence, index = KEYS[1], KEYS[2], KEYS[3]
local token, seq, value, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local r = inspect(key, fence)

local refused = refusal(r, token, key, index)
if refused then return refused end
if older(seq, r.seq) then return {'stale'} end
if seq == r.seq then return 1 end

redis.call('HSET', fence, 's', seq, 'h', redis.sha1hex(value))
redis.call('SET', key, value, 'XX', 'KEEPTTL')
publish(channel, '+', key)
return 1
