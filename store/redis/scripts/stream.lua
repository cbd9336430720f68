-- A log is a stream beside the record of a key, in the same slot. The id of an entry is the token
-- of its lease and its number, so the server keeps their order. Its fields are e, the time in ms
-- at which it expires, and v, the value.

-- append_log appends the values among ARGV from a place on, before which stand the token without
-- leading zeros, the number of the first entry, how many entries are kept, and their age in ms.
-- Entries that are there already stay as they are.
local function append_log(log, channel, place)
  local lease, first, most, age = unpack(ARGV, place - 4, place - 1)
  local time = call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local expiry = string.format('%.0f', now + age)
  local exactly = tonumber(most) < 1000 and '=' or '~' -- whole nodes of a hundred entries are cheaper to drop
  for i = place, #ARGV do
    local number = first + i - place
    local id = string.format('%s-%.0f', lease, number)
    local added = redis.pcall('XADD', log, 'MAXLEN', exactly, most, id, 'e', expiry, 'v', ARGV[i])
    if type(added) == 'table' and added.err then
      local last = redis.pcall('XREVRANGE', log, '+', '-', 'COUNT', 1)
      local t, n = string.match(not last.err and last[1] and last[1][1] or '', '^(%d+)-(%d+)$')
      t, n = tonumber(t), tonumber(n)
      if not t or t < tonumber(lease) or t == tonumber(lease) and n < number then
        error((i == place and 'leasehold: XADD: ' or '') .. added.err, 0) -- at the first, nothing is written
      end
    end
  end
  call('PEXPIRE', log, age)
  local oldest = call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  if oldest and tonumber(oldest[2][2]) <= now then
    local expired = {}
    for _, entry in ipairs(call('XRANGE', log, '-', '+', 'COUNT', 64)) do
      if tonumber(entry[2][2]) > now then break end
      expired[#expired + 1] = entry[1]
    end
    call('XDEL', log, unpack(expired))
  end
  publish(channel, '')
end
