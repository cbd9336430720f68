-- update replaces the values of leases and leaves their expiries where they are.
--
-- KEYS  key, fence of each lease
-- ARGV  channels, then token, the fence's fields from length to seq, value of each
--
-- Answers 1 for each; or {'lost', ...} (see refusal); or {'foreign', ...} (see row); or
-- {'stale'} if a value with a higher number has been written; or {'error', ...}. The same
-- number again is the same write come twice.

return each(1, function(key, fence, at)
  local token, written, value = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local text = read_fence(fence, LAST)
  local left, ours = inspect(text, key, fence, true)
  local refused = refusal(text, key, fence, left, ours, token)
  if refused then return refused end
  local seq, last = sub(written, 48), sub(text, 79, 98)
  if seq < last then return refuse(fence, {'stale'}) end
  if seq == last then return 1 end

  call('SETRANGE', fence, '31', written)
  call('SET', key, value, 'XX', 'KEEPTTL')
  publish(ARGV[1] .. 'k:' .. key, '+')
  return 1
end)
