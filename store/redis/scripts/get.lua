-- get reads records.
--
-- KEYS  key, fence of each
-- ARGV  bytes of values at most
--
-- Answers a row for each key in turn (see row), without a value that is longer than that by
-- itself. It stops before the values are longer together; the caller asks again for the rest.

local rows, bytes, most = {}, 0, tonumber(ARGV[1])
for i = 1, #KEYS, 2 do
  local text = read_fence(KEYS[i + 1], LAST)
  local r = row(text, KEYS[i], most, inspect(text, KEYS[i], KEYS[i + 1], true))
  bytes = bytes + (type(r[#r]) == 'string' and #r[#r] or 0)
  if bytes > most then break end
  rows[#rows + 1] = r
end
return rows
