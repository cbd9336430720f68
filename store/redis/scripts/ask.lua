-- ask queues a request for the holder of a key, unless its id is known.
--
-- KEYS  queue, request, answer; then key, fence, unless the caller has looked at the record
-- ARGV  channel, id, token or '' for any lease, text of the request, ttl in ms, how many
--       requests may wait
--
-- Answers {'answer', text} if there is a final answer, or one that is not final and the
-- deadline of the request has passed; {'wait', left in ms} if the request waits now or has an
-- answer that is not final; {'none'} if there is no record; {'lost', ...} (see refusal) or
-- {'foreign', ...} (see row); or {'full', ids}.

local queue, request, answer, key, fence = unpack(KEYS)
local channel, id, token, text, ttl, most = unpack(ARGV)

if call('EXISTS', answer, request) > 0 then
  local given, left = call('GET', answer), call('PTTL', request)
  if given and (left <= 0 or sub(given, 1, 1) == 'f') then return refuse(request, {'answer', given}) end
  if left > 0 then return refuse(request, {'wait', left}) end
end

local lease = '0000000000000000' -- the live one, if it is known
if key then
  local record = read_fence(fence, LAST)
  local there, ours = inspect(record, key, fence, false)
  if not there then return refuse(request, {'none'}) end
  local refused = refusal(record, key, fence, there, ours, token == '' and sub(record, 3, 18) or token)
  if refused then return refused end
  lease = sub(record, 3, 18)
end
local ids = typed('ZRANGE', queue, 0, -1, 'WITHSCORES')
if not ids then error('leasehold: WRONGTYPE: the queue has a value of another program', 0) end
if #ids / 2 >= tonumber(most) then return refuse(request, {'full', ids}) end

local time = call('TIME')
local now, last = time[1] * 1000000 + time[2], tonumber(ids[#ids]) or 0
local place = math.max(now, last + 1)
local longest = #ids > 0 and math.max(call('PTTL', queue), ttl) or ttl
call('ZADD', queue, string.format('%.0f', place), id)
call('SET', request, text, 'PX', ttl)
call('PEXPIRE', queue, string.format('%d', longest))
publish(channel, notice(lease, now, place, last, ttl, id, text))
return {'wait', tonumber(ttl)}
