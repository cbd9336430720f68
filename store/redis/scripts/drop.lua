-- drop takes out of an index the keys under which there is nothing.
--
-- KEYS  index, then the keys
--
-- Answers how many it took out. It looks again itself: since the caller looked,
-- a key may have been created.

local there = redis.call('EXISTS', unpack(KEYS, 2))
if there == #KEYS - 1 then return 0 end
if there == 0 then return redis.call('ZREM', unpack(KEYS)) end

local gone = {}
for i = 2, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 0 then gone[#gone + 1] = KEYS[i] end
end
return redis.call('ZREM', KEYS[1], unpack(gone))
