-- update_log is update for one lease, with entries of its log.
--
-- KEYS  key, fence, log
-- ARGV  channel of the log, token, channel of the key, the fence's fields from seq to check,
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
local seq = sub(written, 1, 20)
if seq < sub(lease, 72, 91) then return refuse(fence, {'stale'}) end
if seq > sub(lease, 72, 91) then
  call('SETRANGE', fence, '71', written)
  call('SET', key, value, 'XX', 'KEEPTTL')
  publish(changes, '+')
end
local ok, failure = pcall(append_log, log, channel, 10)
if not ok then return {'dropped', type(failure) == 'table' and failure.err or tostring(failure)} end
return 1
