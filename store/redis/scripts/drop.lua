-- drop takes out of an index the keys under which there is nothing.
--
-- KEYS  index, then the keys
--
-- Answers how many it took out. It looks again itself: since the caller looked,
-- a key may have been created.

local dropped = 0
for i = 2, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 0 then
    dropped = dropped + redis.call('ZREM', KEYS[1], KEYS[i])
  end
end
return dropped
