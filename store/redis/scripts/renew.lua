-- renew restarts the ttl of leases and replaces the values of those that are given one. A value that
-- is already there is no change: nobody is told.
--
-- KEYS  key, fence of each lease
-- ARGV  channels, then of each the token; or the token, the fence's fields from seq to check,
--       value
--
-- Answers for each the ttl in ms; or {'lost', ...} (see refusal); or {'foreign', ...} (see
-- row); or {'stale'} if a value with a higher number has been written; or {'error', ...}.

local bare = #ARGV == 1 + #KEYS / 2 -- whether there are no values

-- extend_short is extend for a live lease whose fence holds its value, after the same questions as
-- inspect asks. It returns nil if one has another answer, and leaves that to inspect. Most heartbeats
-- need no more, and it saves them a tenth of their time.
local function extend_short(text, key, fence)
  local length = tonumber(sub(text, 92, 98))
  if sub(text, 2, 2) ~= 'l' or not length or length > HELD then return nil end
  if call('PTTL', fence) <= DAY + 2 * ttl_of(text) or call('PTTL', key) <= 0 then return nil end
  if redis.pcall('GETRANGE', key, '0', HELD_TEXT) ~= sub(text, 99, 98 + length) then return nil end
  return extend(text, key, fence)
end

return each(function(key, fence, at)
  local token = ARGV[at + 1]
  local text = read_fence(fence, LAST)
  local ttl = bare and sub(text, 3, 18) == token and extend_short(text, key, fence)
  if ttl then return ttl end
  local left, ours = inspect(text, key, fence, not bare)
  local refused = refusal(text, key, fence, left, ours, token)
  if refused then return refused end
  if bare then return extend(text, key, fence) end
  local written, value = ARGV[at + 2], ARGV[at + 3]
  if sub(written, 1, 20) < sub(text, 72, 91) then return refuse(fence, {'stale'}) end

  -- The expiry comes first. A server that is out of memory refuses only scripts that
  -- begin with a write which may need some: a holder keeps its lease through that.
  ttl = extend(text, key, fence)
  call('SETRANGE', fence, '71', written)
  if sub(written, 21) ~= sub(text, 92) then -- inspect has seen that the value is the one written last
    call('SET', key, value, 'KEEPTTL')
    publish(ARGV[1] .. 'k:' .. key, '+')
  end
  return ttl
end)
