-- delete ends leases, each named by its token or by the mark of its create.
--
-- KEYS  key, fence of each lease
-- ARGV  channels, instance of the caller's store, then token or '', mark or '' of each
--
-- Answers 1 for each once that lease has no record any more, whoever ended it; or
-- {'error', ...}. What belongs to another lease or another program stays. The fence stays
-- too: tokens must go on growing, and a create that comes late must find that its lease
-- has ended, even one that never came before.

-- settle has a fence know a create that is not that of its own lease.
local function settle(fence, mark)
  local text = read_fence(fence, '-1')
  local at = knows(text, mark)
  local stays = at and at < WHOLE + 4 + 18 * sub(text, WHOLE + 1, WHOLE + 3)
  if stays and sub(text, at + 8, at + 17) >= now()[1] then return refuse(fence, 1) end
  local own = text ~= '' and sub(text, 1, WHOLE) -- or of a key that had no lease
    or '4d' .. string.rep('0', 96) .. string.rep('\0', 8) .. string.rep('0', 16)
  call('SET', fence, own .. with_ended(text, mark, true, MOST), 'KEEPTTL')
  if call('PTTL', fence) < DAY then call('PEXPIRE', fence, DAY) end
  return 1
end

-- owns_short asks as inspect does about a live lease whose fence holds its value. If one has another
-- answer it returns false, and leaves the reason to inspect. Most leases are such, and most calls need
-- no more.
local function owns_short(text, key, fence)
  local length = tonumber(sub(text, 32, 38))
  return sub(text, 2, 2) == 'l' and length and length > 0 and length <= HELD
    and call('PTTL', fence) > DAY + 2 * ttl_of(text) and call('PTTL', key) > 0
    and redis.pcall('GETRANGE', key, '0', HELD_TEXT) == sub(text, 39, 38 + length)
end

local instance = ARGV[2]

return each(2, function(key, fence, at)
  local token, mark = ARGV[at + 1], ARGV[at + 2]
  local text = read_fence(fence, LAST)
  local named = text ~= '' and (sub(text, 3, 18) == token or sub(text, 99, 106) == mark)
  if named and sub(text, 2, 2) == 'l' then
    local ours, _ = owns_short(text, key, fence)
    if not ours then _, ours = inspect(text, key, fence, true) end
    if ours then
      call('DEL', key) -- first, so that it is not refused when memory is out
      call('SETRANGE', fence, '1', mark == '' and 'd' or 'n')
      publish(ARGV[1] .. 'k:' .. key, '-' .. sub(text, 3, 18))
      local store = sub(text, 107, 122)
      if store ~= instance then publish(ARGV[1] .. 's:' .. store, key) end
      return 1
    end
  end
  if mark == '' or named and sub(text, 2, 2) == 'n' then return refuse(fence, 1) end
  if not named then return settle(fence, mark) end
  call('SETRANGE', fence, '1', 'n')
  return 1
end)
