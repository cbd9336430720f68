-- renew restarts the ttl of leases and replaces the values of those that are given one. A value that
-- is already there is no change: nobody is told.
--
-- KEYS  key, fence of each lease
-- ARGV  channels, then of each the token; or the token, the fence's fields from length to seq,
--       value
--
-- Answers for each the ttl in ms; or {'lost', ...} (see refusal); or {'foreign', ...} (see
-- row); or {'stale'} if a value with a higher number has been written; or {'error', ...}.

local bare = #ARGV == 1 + #KEYS / 2 -- whether there are no values
local last = bare and BARE_LAST or LAST

return each(1, function(key, fence, at)
  local token = ARGV[at + 1]
  local text = read_fence(fence, last)
  if bare and sub(text, 3, 18) == token and owns_short(text, key, fence) then return extend(text, key, fence) end
  local left, ours = inspect(text, key, fence, not bare)
  local refused = refusal(text, key, fence, left, ours, token)
  if refused then return refused end
  if bare then return extend(text, key, fence) end
  local written, value = ARGV[at + 2], ARGV[at + 3]
  if sub(written, 48) < sub(text, 79, 98) then return refuse(fence, {'stale'}) end

  -- The expiry comes first. A server that is out of memory refuses only scripts that
  -- begin with a write which may need some: a holder keeps its lease through that.
  local ttl = extend(text, key, fence)
  call('SETRANGE', fence, '31', written)
  if sub(written, 1, 47) ~= sub(text, 32, BARE) then -- inspect has seen that the value is the one written last
    call('SET', key, value, 'KEEPTTL')
    publish(ARGV[1] .. 'k:' .. key, '+')
  end
  return ttl
end)
