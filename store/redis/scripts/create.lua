-- create begins leases, each unless something is under its key.
--
-- KEYS  key, fence of each lease
-- ARGV  channels, then the fence's fields from nonce to sum, value, expiry of the key and
--       of the fence in ms of each
--
-- Answers for each the lease's token; or {'held', ...} or {'foreign', ...} with what is
-- there (see row); or {'ended'} if this nonce's lease is over; or {'error', ...}. The nonce
-- of the live lease has the answer of the first time and the full ttl again; the value
-- stays, for it may have been updated since.

local time

return each(4, function(key, fence, begun, value, expiry, fence_expiry)
  local nonce = sub(begun, 1, 16)
  local text = read_fence(fence, -1)

  if sub(text, 19, 34) ~= nonce and not knows(text, sub(begun, 17, 24)) then
    time = time or call('TIME')
    local token = time[1] .. sub('00000' .. time[2], -6)
    if #token ~= 16 then token = string.format('%016.0f', token) end -- a clock of the last century
    local last, past = sub(text, 3, 18), sub(text, WHOLE + 1)
    if string.find(last, '%D') then damaged() end
    if last >= token then
      token = string.format('%016.0f', last + 1)
      if token >= '9007199254740992' then error('leasehold: the tokens of this key are used up', 0) end
    end
    if last ~= '' and last ~= '0000000000000000' then
      past = with_ended(text, sub(text, 35, 42), sub(text, 2, 2) == 'n', time[1])
    end
    local created = call('SET', key, value, 'NX', 'PX', expiry)
    if not created and call('PTTL', key) == 0 then
      created = call('SET', key, value, 'PX', expiry) -- over a value in its last millisecond
    end
    if created then
      call('SET', fence, '2l' .. token .. begun .. (past == '' and '000' or past), 'PX', fence_expiry)
      publish(ARGV[1] .. 'k:' .. key, '+')
      return tonumber(token)
    end
  end

  local f = fields(text)
  local left, ours, there = inspect(f, key, fence, true)
  if ours and f.nonce == nonce then
    extend(key, fence, f.ttl)
    return tonumber(f.token)
  end
  if left then return refuse(fence, row(f, key, SMALL, left, ours, there)) end
  return refuse(fence, {'ended'})
end)
