-- update_answer replaces the value of a lease and stores the answer to a request, or neither.
--
-- KEYS  key, fence, queue, request, answer
-- ARGV  as of answer; then channel of the key, the fence's fields from length to seq, value
--
-- Answers as update and answer do. The same number again is the same write come twice.

local key, fence, queue, request, answer = unpack(KEYS)
local channel, id, token, ttl, text, changes, written, value = unpack(ARGV)
local lease = read_fence(fence, LAST)
local left, ours = inspect(lease, key, fence, true)
local refused = refusal(lease, key, fence, left, ours, token)
if refused then return refused end
local seq, last = sub(written, 48), sub(lease, 79, 98)
if seq < last then return refuse(fence, {'stale'}) end
if seq == last then return 1 end
local least = answerable(request, answer)
if least == 'expired' then return refuse(fence, {'expired'}) end
if least == 'stands' then return refuse(fence, {'stale'}) end

store_answer(queue, request, answer, least, channel, id, tonumber(ttl), text)
call('SETRANGE', fence, '31', written)
call('SET', key, value, 'XX', 'KEEPTTL')
publish(changes, '+')
return 1
