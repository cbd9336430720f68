-- publish publishes a message, and nothing else, on a server that takes writes.
--
-- KEYS  a name that has no value, in the slot whose master is to publish
-- ARGV  channel, message
--
-- Answers how many clients of that server heard it. A replica refuses GETEX.

redis.call('GETEX', KEYS[1])
return redis.call('PUBLISH', ARGV[1], ARGV[2])
