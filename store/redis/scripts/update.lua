-- update replaces the value of a lease and leaves its expiry where it is.
--
-- KEYS  key, fence
-- ARGV  channels, token, the fence's fields from seq to sum, value
--
-- Answers 1; or {'lost'}; or {'foreign', ...} (see row); or {'stale'} if a value with a
-- higher number has been written. The same number again is the same write come twice.

local key, fence = KEYS[1], KEYS[2]
local token, written, value = ARGV[2], ARGV[3], ARGV[4]
local f = fields(read_fence(fence, WHOLE - 1))
local left, ours = inspect(f, key, fence, true)

local refused = refusal(f, key, fence, left, ours, token)
if refused then return refused end
local seq = sub(written, 1, 20)
if seq < f.seq then return refuse(fence, {'stale'}) end
if seq == f.seq then return 1 end

call('SETRANGE', fence, 63, written)
call('SET', key, value, 'XX', 'KEEPTTL')
publish(ARGV[1] .. 'k:' .. key, '+')
return 1
