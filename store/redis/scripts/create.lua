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

local expiry, fence_expiry = ARGV[2], ARGV[3]

local function create(key, fence, at)
  local begun, value = ARGV[at + 1], ARGV[at + 2]
  local mark = sub(begun, 81, 88)
  local text = read_fence(fence, '-1')
  local last = sub(text, 3, 18)
  local ended = sub(text, 99, 106) == mark or knows(text, mark)
  local token, list
  if not ended then token, list = following(text, last, sub(text, 2, 2) == 'n') end

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

  call('SET', fence, '5l' .. token .. begun .. list, 'PX', fence_expiry)
  publish(ARGV[1] .. 'k:' .. key, '+')
  return tonumber(token)
end
