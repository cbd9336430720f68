-- get reads records.
--
-- KEYS  key, fence of each
-- ARGV  bytes of values after which to stop, bytes of a value that is shipped at most
--
-- Answers a row for each key in turn (see row). It stops early once the values are past
-- the limit, after one row at the least; the caller asks again for the rest.

local rows, bytes, limit, most = {}, 0, tonumber(ARGV[1]), tonumber(ARGV[2])
for i = 1, #KEYS, 2 do
  local f = fields(read_fence(KEYS[i + 1], WHOLE - 1))
  local r = row(f, KEYS[i], most, inspect(f, KEYS[i], KEYS[i + 1], true))
  rows[#rows + 1] = r
  bytes = bytes + (type(r[#r]) == 'string' and #r[#r] or 0)
  if bytes > limit then break end
end
return rows
