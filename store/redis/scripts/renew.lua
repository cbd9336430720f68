-- renew restarts the ttl of a term and, if it is given a value, replaces it.
--
-- KEYS  key, fence, index
-- ARGV  token, seq, value or '', channel
--
-- Answers the ttl in ms; or {'lost'}; or {'foreign', ...} (see row); or {'stale'}
-- if a value with a higher number has been written.

local key, fence, index = KEYS[1], KEYS[2], KEYS[3]
local token, seq, value, channel = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local r = inspect(key, fence)

local refused = refusal(r, token, key, index)
if refused then return refused end
if value ~= '' and older(seq, r.seq) then return {'stale'} end

-- The expiry comes first. A server that is out of memory refuses only scripts that
-- begin with a write which may need some: a holder keeps its term through that.
local deadline = deadline_after(r.ttl)
redis.call('PEXPIREAT', key, deadline)
redis.call('HSET', fence, 'd', deadline)
if value ~= '' then
  redis.call('HSET', fence, 's', seq, 'h', redis.sha1hex(value))
  redis.call('SET', key, value, 'XX', 'KEEPTTL')
end
keep(fence, r.ttl)
redis.call('ZADD', index, 0, key)
if value ~= '' then publish(channel, '+', key) end
return r.ttl
