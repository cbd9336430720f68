-- renew restarts the ttl of leases and replaces the values of those that are given one.
--
-- KEYS  key, fence of each lease
-- ARGV  channels, then token, seq, value or '' of each lease
--
-- Answers for each the ttl in ms; or {'lost'}; or {'foreign', ...} (see row); or {'stale'}
-- if a value with a higher number has been written; or {'error', ...}.

return each(3, function(key, fence, token, seq, value)
  local f = fence_of(fence)
  local left, ours = inspect(f, key, fence, value ~= '')
  local refused = refusal(f, key, fence, left, ours, token)
  if refused then return refused end
  if value ~= '' and seq < f.seq then return refuse(fence, {'stale'}) end

  -- The expiry comes first. A server that is out of memory refuses only scripts that
  -- begin with a write which may need some: a holder keeps its lease through that.
  extend(key, fence, f.ttl)
  if value ~= '' then
    redis.call('SET', fence, with_value(f, seq, value), 'KEEPTTL')
    redis.call('SET', key, value, 'KEEPTTL')
    publish(ARGV[1] .. 'k:' .. key, '+')
  end
  return f.ttl
end)
