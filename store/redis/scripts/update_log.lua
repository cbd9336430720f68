-- update_log is update for one lease, with entries of its log.
--
-- KEYS  key, fence, log
-- ARGV  channel of the log, token, channel of the key, the fence's fields from length to seq,
--       value, then as append_log
--
-- Answers as update does, or {'dropped', error} if the value was written and the entries were
-- not.

local key, fence, log = unpack(KEYS)
local channel, token, changes, written, value = unpack(ARGV, 1, 5)
local lease = read_fence(fence, LAST)
local left, ours = inspect(lease, key, fence, true)
local refused = refusal(lease, key, fence, left, ours, token)
if refused then return refused end
local seq, last = sub(written, 48), sub(lease, 79, 98)
if seq < last then return refuse(fence, {'stale'}) end
if seq > last then
  call('SETRANGE', fence, '31', written)
  call('SET', key, value, 'XX', 'KEEPTTL')
  publish(changes, '+')
end
local ok, failure = pcall(append_log, log, channel, 10)
if not ok then return {'dropped', type(failure) == 'table' and failure.err or tostring(failure)} end
return 1
