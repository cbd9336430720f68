-- delete ends a term, named by its token or by the nonce of its create.
--
-- KEYS  key, fence, index
-- ARGV  token or '', nonce or '', channel of changes, channel of deletes
--
-- Answers 1 once that term has no record any more, whoever ended it. What belongs
-- to another term or another program stays. The fence stays too: tokens must go
-- on growing, and a create that comes late must find that its nonce has ended,
-- even one that never came before.

local key, fence, index = KEYS[1], KEYS[2], KEYS[3]
local token, nonce, changes, deletes = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local r = inspect(key, fence)

if r.vouched and (r.token == token or r.nonce == nonce) then
  redis.call('DEL', key) -- first, so that it is not refused when memory is out
  redis.call('HSET', fence, 'd', '0')
  redis.call('ZREM', index, key)
  publish(changes, '-', key)
  publish(deletes, '-', key)
elseif nonce ~= '' and not has_ended(r, nonce) then
  redis.call('HSET', fence, 'e', ended_with(r, nonce))
  if redis.call('PTTL', fence) < DAY then keep(fence, 0) end
end
return 1
