-- A key has beside its record, in the same slot:
--
--   queue    a sorted set of the ids of requests that wait for the holder, in the order in
--            which they came; it lives as long as the longest of them
--   request  a string for each request: 16 digits of the token of the lease that it is for,
--            zero for any, and the body; it lives until the deadline of the request, or until
--            it has its final answer
--   answer   a string for each answer: 'f' if it is final or 'n', and the body
--
-- The channel of the requests of a key has a notice of each, from which the holder can take the
-- request, if it knows all that wait in front of it:
--
--   lease  16  token of the live lease, zero if the holder is to read the request
--   place  16  of the request in the queue, its time of arrival in microseconds
--   last   16  the place in front of it, zero if no other waits
--   ttl    13  of the request in ms
--   length  2  of the id
--   id      -
--   text    -  of the request
--
-- An id in the queue whose request has expired, or is not of this form because another program
-- wrote it, is dead; see prune.lua.

local LONGEST = 16 + 65536

-- notice returns the notice of a request. The holder judges by the place how old it is.
local function notice(lease, now, place, last, ttl, id, text)
  if place ~= now or #text > SMALL then lease, text = '0000000000000000', '' end
  return string.format('%s%016.0f%016.0f%013.0f%02d', lease, place, last, ttl, #id) .. id .. text
end

-- waiting returns the text of a request, '' if it has expired or is not of the form, and its
-- time left in ms.
local function waiting(request)
  local left = call('PTTL', request)
  local text = left > 0 and typed('GETRANGE', request, 0, LONGEST) or ''
  if #text <= 16 or #text > LONGEST or string.find(sub(text, 1, 16), '%D') then text = '' end
  return text, left
end

-- answerable returns 'stands' if a request has its final answer, 'expired' if the store knows
-- neither the request nor an answer, or the ms for which an answer must be kept at least.
local function answerable(request, answer)
  local state = call('GETRANGE', answer, 0, 0)
  if state == 'f' then return 'stands' end
  local left = call('PTTL', request)
  if state ~= '' then left = math.max(left, call('PTTL', answer)) end
  if left <= 0 then return 'expired' end
  return left
end

-- store_answer stores an answer and takes its request out of the queue. It tells the senders
-- once the answer is final, with the answer if that is short.
local function store_answer(queue, request, answer, least, channel, id, ttl, text)
  call('ZREM', queue, id)
  call('SET', answer, text, 'PX', string.format('%d', math.max(least, ttl)))
  if sub(text, 1, 1) == 'f' then
    call('DEL', request)
    publish(channel, #id .. ':' .. id .. (#text <= SMALL and text or ''))
  end
end
