-- create begins a lease unless something is under the key.
--
-- KEYS  key, fence
-- ARGV  channels, the fence's fields from nonce to sum, value, expiry of key and of fence in ms
--
-- Answers the lease's token; or {'held', ...} or {'foreign', ...} with what is there (see
-- row); or {'ended'} if this nonce's lease is over. The nonce of the live lease has the
-- answer of the first time and the full ttl again; the value stays, for it may have been
-- updated since.

local key, fence = KEYS[1], KEYS[2]
local nonce = sub(ARGV[2], 1, 16)
local text = read_fence(fence, -1)

if sub(text, 19, 34) ~= nonce and not knows(text, nonce) then
  local time = call('TIME')
  local token = time[1] .. sub('00000' .. time[2], -6)
  if #token ~= 16 then token = string.format('%016.0f', token) end -- a clock of the last century
  local last, past = sub(text, 3, 18), sub(text, WHOLE + 1)
  if string.find(last, '%D') then damaged() end
  if last >= token then
    token = string.format('%016.0f', last + 1)
    if token >= '9007199254740992' then error('leasehold: the tokens of this key are used up', 0) end
  end
  if last ~= '' and last ~= '0000000000000000' then
    past = with_ended(text, sub(text, 19, 34), sub(text, 2, 2) == 'n', time[1])
  end
  local created = call('SET', key, ARGV[3], 'NX', 'PX', ARGV[4])
  if not created and call('PTTL', key) == 0 then
    created = call('SET', key, ARGV[3], 'PX', ARGV[4]) -- over a value in its last millisecond
  end
  if created then
    call('SET', fence, '2l' .. token .. ARGV[2] .. past, 'PX', ARGV[5])
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
