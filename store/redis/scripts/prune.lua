-- prune takes out of a queue the ids of requests that have expired.
--
-- KEYS  queue, then requests
-- ARGV  their ids
--
-- Answers how many it took out.

local dropped = 0
for i, id in ipairs(ARGV) do
  if redis.call('EXISTS', KEYS[i + 1]) == 0 then
    dropped = dropped + redis.call('ZREM', KEYS[1], id)
  end
end
return dropped
