-- list reads a page of an index. It is a script, though it is one command, so
-- that a client which sends plain reads to replicas does not read a stale index.
--
-- KEYS  index
-- ARGV  lower and upper bound as in ZRANGEBYLEX, greatest length of the page
--
-- Answers the names in order.

return redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
