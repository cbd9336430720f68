-- requests reads the queue of a lease, and one request of it.
--
-- KEYS  key, fence, queue; then a request, if one is wanted
-- ARGV  token
--
-- Answers {time, left, ids, text, left}: the server's time in microseconds, the time left of the
-- record in ms, the ids of the queue in their order, each followed by its place, and the text of
-- the request, '' if its id is dead, with its time left in ms; or {'lost', ...} (see refusal) or {'foreign', ...} (see row).

local key, fence, queue, request = unpack(KEYS)
local lease = read_fence(fence, LAST)
local there, ours = inspect(lease, key, fence, false)
local refused = refusal(lease, key, fence, there, ours, ARGV[1])
if refused then return refused end
local ids = call('ZRANGE', queue, 0, -1, 'WITHSCORES')
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
if not request then return {now, there, ids, '', 0} end
return {now, there, ids, waiting(request)}
