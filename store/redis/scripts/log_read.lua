-- log_read reads a part of a log.
--
-- KEYS  log
-- ARGV  XRANGE or XREVRANGE, the two bounds, how many entries at most
--
-- Answers {now in ms, entries}; an entry that has expired by then counts as gone.

local entries = redis.call(ARGV[1], KEYS[1], ARGV[2], ARGV[3], 'COUNT', ARGV[4])
local time = redis.call('TIME')
return {time[1] * 1000 + math.floor(time[2] / 1000), entries}
