-- get reads records.
--
-- KEYS  key, fence, index for each
-- ARGV  bytes of values after which to stop
--
-- Answers a row for each key in turn (see row). It stops early once the values
-- are past the limit, after one row at the least; the caller asks again for the
-- rest.

local rows, bytes, limit = {}, 0, tonumber(ARGV[1])
for i = 1, #KEYS, 3 do
  local r = inspect(KEYS[i], KEYS[i + 1])
  rows[#rows + 1] = row(r, KEYS[i], KEYS[i + 2])
  bytes = bytes + #(r.value or '')
  if bytes > limit then break end
end
return rows
