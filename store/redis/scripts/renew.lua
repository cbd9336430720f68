-- renew restarts the ttl of leases and replaces the values of those that are given one.
--
-- KEYS  key, fence of each lease
-- ARGV  channels, then of each the token; or the token, the fence's fields from seq to sum or
--       '', value or ''
--
-- Answers for each the ttl in ms; or {'lost', ...} (see refusal); or {'foreign', ...} (see
-- row); or {'stale'} if a value with a higher number has been written; or {'error', ...}.

return each(function(key, fence, token, written, value)
  local text = read_fence(fence, LAST)
  local bare = not value or value == ''
  local left, ours = inspect(text, key, fence, not bare)
  local refused = refusal(text, key, fence, left, ours, token)
  if refused then return refused end
  if bare then return extend(text, key, fence) end
  if sub(written, 1, 20) < sub(text, 72, 91) then return refuse(fence, {'stale'}) end

  -- The expiry comes first. A server that is out of memory refuses only scripts that
  -- begin with a write which may need some: a holder keeps its lease through that.
  local ttl = extend(text, key, fence)
  call('SETRANGE', fence, '71', written)
  call('SET', key, value, 'KEEPTTL')
  publish(ARGV[1] .. 'k:' .. key, '+')
  return ttl
end)
