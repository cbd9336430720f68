-- get reads records and fences as they are. Its caller judges them, as inspect in record.lua does:
-- for a list of thousands, the server has the least to do.
--
-- KEYS  key, fence of each
-- ARGV  bytes of values at most
--
-- Answers four elements for each key in turn: the first bytes of the fence ('' if there is none), the
-- fence's time left in ms, that of the key, and the value ('' if there is none, false if it has more
-- bytes by itself). A fence or a value of another type is false. It stops before the values are longer
-- together; the caller asks again for the rest.

local call, pcall = redis.call, redis.pcall

-- text returns what lies under a name, up to a place.
local function text(name, last)
  local answer = pcall('GETRANGE', name, '0', last)
  if type(answer) ~= 'table' then return answer end
  if string.sub(answer.err, 1, 9) ~= 'WRONGTYPE' then error(answer.err, 0) end
  return false
end

local answer, n, bytes, most = {}, 0, 0, tonumber(ARGV[1])
for i = 1, #KEYS, 2 do
  local key, fence = KEYS[i], KEYS[i + 1]
  local value = text(key, '4096')
  if value and #value > 4096 then
    value = call('STRLEN', key) <= most and call('GET', key)
  end
  bytes = bytes + (value and #value or 0)
  if bytes > most then break end
  -- The fence's time comes first: time goes on in a script of Redis 7.0.
  answer[n + 1], answer[n + 2], answer[n + 3], answer[n + 4] = text(fence, '121'), call('PTTL', fence), call('PTTL', key), value
  n = n + 4
end
return answer
