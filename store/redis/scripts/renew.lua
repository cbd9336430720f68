-- renew restarts the ttl of leases and replaces the values of those that are given one.
--
-- KEYS  key, fence of each lease
-- ARGV  channels, then token, the fence's fields from seq to sum or '', value or '' of each
--
-- Answers for each the ttl in ms; or {'lost', ...} (see refusal); or {'foreign', ...} (see
-- row); or {'stale'} if a value with a higher number has been written; or {'error', ...}.

return each(3, function(key, fence, token, written, value)
  local f = fields(read_fence(fence, WHOLE - 1))
  local left, ours = inspect(f, key, fence, value ~= '')
  local refused = refusal(f, key, fence, left, ours, token)
  if refused then return refused end
  if value ~= '' and sub(written, 1, 20) < f.seq then return refuse(fence, {'stale'}) end

  -- The expiry comes first. A server that is out of memory refuses only scripts that
  -- begin with a write which may need some: a holder keeps its lease through that.
  extend(key, fence, f.ttl)
  if value ~= '' then
    call('SETRANGE', fence, 71, written)
    call('SET', key, value, 'KEEPTTL')
    publish(ARGV[1] .. 'k:' .. key, '+')
  end
  return f.ttl
end)
