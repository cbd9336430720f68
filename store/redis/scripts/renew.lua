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

local deadline = deadline_after(r.ttl)
if value ~= '' then
  redis.call('HSET', fence, 's', seq, 'd', deadline, 'h', redis.sha1hex(value))
  redis.call('SET', key, value, 'PXAT', deadline)
else
  redis.call('HSET', fence, 'd', deadline)
  redis.call('PEXPIREAT', key, deadline)
end
keep(fence, r.ttl)
redis.call('ZADD', index, 0, key)
if value ~= '' then publish(channel, '+', key) end
return r.ttl
