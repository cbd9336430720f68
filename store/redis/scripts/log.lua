-- log appends entries to the log of a key: a stream beside the record, in the same slot. The id
-- of an entry is the token of its lease and its number, so the server keeps their order. Its
-- fields are e, the time in ms at which it expires, and v, the value.
--
-- KEYS  key, fence, log
-- ARGV  channel, token, seq of the update that the entries go with or '', token without leading
--       zeros, number of the first entry, how many entries are kept, their age in ms, values
--
-- Answers 1, also for entries that are there already; or {'unwritten'} if that update was not
-- the last write of the lease; without one {'lost', ...} (see refusal) or {'foreign', ...}
-- (see row).

local key, fence, log = unpack(KEYS)
local channel, token, seq, lease, first, most, age = unpack(ARGV, 1, 7)
local f = fields(read_fence(fence, WHOLE - 1))
if seq ~= '' then
  if not f or f.token ~= token or f.seq ~= seq then return refuse(fence, {'unwritten'}) end
else
  local left, ours = inspect(f, key, fence, false)
  local refused = refusal(f, key, fence, left, ours, token)
  if refused then return refused end
end

-- there reports whether an entry with this number, or a later one, is in the log.
local function there(number)
  local last = redis.pcall('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  if not last then return false end
  local t, n = string.match(last[1], '^(%d+)-(%d+)$')
  t, n = tonumber(t), tonumber(n)
  return t > tonumber(lease) or t == tonumber(lease) and n >= number
end

local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expiry = string.format('%.0f', now + age)
local exactly = tonumber(most) < 1000 and '=' or '~' -- whole nodes of a hundred entries are cheaper to drop
for i = 8, #ARGV do
  local number = first + i - 8
  local id = string.format('%s-%.0f', lease, number)
  local added = redis.pcall('XADD', log, 'MAXLEN', exactly, most, id, 'e', expiry, 'v', ARGV[i])
  if type(added) == 'table' and added.err and not there(number) then
    error((i == 8 and 'leasehold: XADD: ' or '') .. added.err, 0) -- so that the caller knows that nothing is written
  end
end
call('PEXPIRE', log, age)

-- The oldest expire one by one. To look now and then is enough: a reader passes over them.
if first % 16 == 0 or #ARGV > 8 then
  local expired = {}
  for _, entry in ipairs(call('XRANGE', log, '-', '+', 'COUNT', 64)) do
    if tonumber(entry[2][2]) > now then break end
    expired[#expired + 1] = entry[1]
  end
  if #expired > 0 then call('XDEL', log, unpack(expired)) end
end
publish(channel, '')
return 1
