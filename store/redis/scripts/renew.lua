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

-- extend_short is extend for a live lease whose fence holds its value, after the same questions as
-- inspect asks. It returns nil if one has another answer, and leaves that to inspect. Most
-- heartbeats need no more, so it takes few texts out of the fence, and XX asks whether the key has an
-- expiry; Redis knows that from 7.0.
local form, last_byte, least
local knows_xx = true
local function extend_short(text, key, fence)
  local ttl_and_length = sub(text, 19, 38)
  if ttl_and_length ~= form then
    local length = tonumber(sub(text, 32, 38))
    if not length or length == 0 or length > HELD then return nil end
    form, last_byte, least = ttl_and_length, 38 + length, DAY + 2 * ttl_of(text)
  end
  if call('PTTL', fence) <= least or redis.pcall('GETRANGE', key, '0', HELD_TEXT) ~= sub(text, 39, last_byte) then return nil end
  if knows_xx then
    local ttl, unknown = extend(text, key, fence, 'XX')
    if not unknown then return ttl end
    knows_xx = false
  end
  return call('PTTL', key) > 0 and extend(text, key, fence) or nil
end

return each(1, function(key, fence, at)
  local token = ARGV[at + 1]
  local text = read_fence(fence, last)
  if bare and (sub(text, 2, 18) == 'l' .. token or sub(text, 2, 18) == 'w' .. token) then
    local ttl = extend_short(text, key, fence)
    if ttl then return ttl end
  end
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
