-- answer stores the answer to a request.
--
-- KEYS  key, fence, queue, request, answer
-- ARGV  channel, id, token, ttl in ms, text of the answer
--
-- Answers 1; or {'expired'} if the store knows neither the request nor an answer; or
-- {'lost', ...} (see refusal) or {'foreign', ...} (see row). A final answer stands.

local key, fence, queue, request, answer = unpack(KEYS)
local channel, id, token, ttl, text = unpack(ARGV)
local lease = read_fence(fence, LAST)
local left, ours = inspect(lease, key, fence, true)
local refused = refusal(lease, key, fence, left, ours, token)
if refused then return refused end
local least = answerable(request, answer)
if least == 'expired' then return refuse(fence, {'expired'}) end
if least == 'stands' then return refuse(fence, 1) end
store_answer(queue, request, answer, least, channel, id, tonumber(ttl), text)
return 1
