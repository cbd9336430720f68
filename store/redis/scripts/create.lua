-- create begins leases, each unless something is under its key.
--
-- KEYS  key, fence of each lease
-- ARGV  channels, expiry of the key and of the fence in ms, then the fence's fields from ttl to
--       store, value of each
--
-- Answers for each the lease's token; or {'held', ...} or {'foreign', ...} with what is
-- there (see row); or {'ended'} if this create's lease is over; or {'error', ...}. The create
-- of the live lease has the answer of the first time and the full ttl again; the value
-- stays, for it may have been updated since.

-- clock is the server's time in microseconds, as a fence has a token.
local clock = now()[1] .. sub('00000' .. now()[2], -6)
if #clock ~= 16 then clock = string.format('%016.0f', clock) end -- of the last century

-- next_token returns a token that is larger than the last one of a key.
local function next_token(last)
  if last >= clock then return string.format('%016.0f', last + 1) end
  return clock
end

-- list_after returns the list of ended creates for a lease that follows the one of a fence.
-- It raises an error if none can.
local function list_after(text, last)
  if string.find(last, '%D') then error(DAMAGED, 0) end
  if last >= '9007199254740991' then error('leasehold: the tokens of this key are used up', 0) end
  if last == '' then return '000' end
  if last == '0000000000000000' then return sub(text, WHOLE + 1) end -- of a key that had no lease
  return with_ended(text, sub(text, 99, 106), sub(text, 2, 2) == 'n', ALL)
end

local expiry, fence_expiry = ARGV[2], ARGV[3]

return each(3, function(key, fence, at)
  local begun, value = ARGV[at + 1], ARGV[at + 2]
  local mark = sub(begun, 81, 88)
  local text = read_fence(fence, '-1')
  local last = sub(text, 3, 18)
  local ended = sub(text, 99, 106) == mark or knows(text, mark)
  local list = not ended and list_after(text, last)

  if ended or not call('SET', key, value, 'NX', 'PX', expiry) then
    local left, ours, there = inspect(text, key, fence, true)
    if ours and sub(text, 99, 106) == mark then
      extend(text, key, fence)
      return tonumber(last)
    end
    local answer = left and row(text, key, left, ours, there) or {'ended'}
    if ended then return refuse(fence, answer) end
    if left then return answer end -- of a server that takes writes, for it took the SET
    call('SET', key, value, 'PX', expiry) -- over a value in its last millisecond
  end

  local token = next_token(last)
  call('SET', fence, '4l' .. token .. begun .. list, 'PX', fence_expiry)
  publish(ARGV[1] .. 'k:' .. key, '+')
  return tonumber(token)
end)
