-- prune takes the dead ids out of a queue; see mail.lua.
--
-- KEYS  queue, then requests
-- ARGV  their ids
--
-- Answers 1.

for i, id in ipairs(ARGV) do
  if waiting(KEYS[i + 1]) == '' then call('ZREM', KEYS[1], id) end
end
return 1
