-- delete ends leases, each named by its token or by the nonce of its create.
--
-- KEYS  key, fence of each lease
-- ARGV  channels, then token or '', nonce or '', instance of the caller's store of each
--
-- Answers 1 for each once that lease has no record any more, whoever ended it; or
-- {'error', ...}. What belongs to another lease or another program stays. The fence stays
-- too: tokens must go on growing, and a create that comes late must find that its nonce
-- has ended, even one that never came before.

return each(3, function(key, fence, token, nonce, instance)
  local f = fence_of(fence)
  if f and f.state == 'l' and (f.token == token or f.nonce == nonce) then
    local _, ours = inspect(f, key, fence, true)
    if not ours then return refuse(fence, 1) end
    redis.call('DEL', key) -- first, so that it is not refused when memory is out
    redis.call('SETRANGE', fence, 1, 'd')
    publish(ARGV[1] .. 'k:' .. key, '-' .. f.token)
    if f.store ~= instance then publish(ARGV[1] .. 's:' .. f.store, key) end
    return 1
  end
  if nonce ~= '' and not (f and f.nonce == nonce) and not has_ended(ended(f), nonce) then
    local none = '1d' .. string.rep('0', WHOLE - 2) -- the fence of a key that had no lease
    redis.call('SET', fence, string.sub(f and f.text or none, 1, WHOLE) .. string.sub(nonce .. ended(f), 1, ENDED),
      'KEEPTTL')
    if redis.call('PTTL', fence) < DAY then redis.call('PEXPIRE', fence, DAY) end
    return 1
  end
  return refuse(fence, 1)
end)
