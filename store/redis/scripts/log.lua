-- log appends entries to the log of a key.
--
-- KEYS  key, fence, log
-- ARGV  channel, token, seq of the update that the entries go with or '', then as append_log
--
-- Answers 1; or {'unwritten'} if that update was not the last write of the lease; without one
-- {'lost', ...} (see refusal) or {'foreign', ...} (see row).

local key, fence, log = unpack(KEYS)
local channel, token, seq = unpack(ARGV, 1, 3)
local lease = read_fence(fence, LAST)
if seq ~= '' then
  if sub(lease, 3, 18) ~= token or sub(lease, 79, 98) ~= seq then return refuse(fence, {'unwritten'}) end
else
  local left, ours = inspect(lease, key, fence, false)
  local refused = refusal(lease, key, fence, left, ours, token)
  if refused then return refused end
end
append_log(log, channel, 8)
return 1
