-- A log is a stream beside the record of a key, in the same slot. The id of an entry is the token
-- of its lease and its number, so the server keeps their order. Its fields are e, the time in ms
-- at which it expires, and v, the value. An entry of another form is another program's: readers
-- skip it, and it is dropped once it is the oldest.

local OFTEN = 10 -- ms between two looks for expired entries
local MOST = 64  -- entries that a look drops

-- expiry_of returns the time at which an entry expires, or nil for another program's.
local function expiry_of(entry)
  local f = entry[2]
  return #f == 4 and f[1] == 'e' and f[3] == 'v' and string.find(f[2], '^%d+$') and tonumber(f[2]) or nil
end

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
      last = not last.err and last[1]
      if last and not expiry_of(last) then last = call('XRANGE', log, id, id)[1] end
      local t, n = string.match(last and expiry_of(last) and last[1] or '', '^(%d+)-(%d+)$')
      t, n = tonumber(t), tonumber(n)
      if not t or t < tonumber(lease) or t == tonumber(lease) and n < number then
        error((i == place and 'leasehold: XADD: ' or '') .. added.err, 0) -- at the first, nothing is written
      end
    end
  end
  -- A look costs more than an append. The time to live of the stream tells when the last was: it
  -- is OFTEN longer than age after a look that has left no expired entry.
  local past = age + OFTEN - call('PTTL', log)
  if past < 0 or past >= OFTEN then
    local expired = {}
    local oldest = call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
    if oldest and (expiry_of(oldest) or 0) <= now then
      for _, entry in ipairs(call('XRANGE', log, '-', '+', 'COUNT', MOST)) do
        if (expiry_of(entry) or 0) > now then break end
        expired[#expired + 1] = entry[1]
      end
      call('XDEL', log, unpack(expired))
    end
    call('PEXPIRE', log, string.format('%d', age + (#expired < MOST and OFTEN or 0)))
  end
  publish(channel, '')
end
