-- delete ends leases, each named by its token or by the mark of its create, and hands their keys to the
-- claims that are next.
--
-- KEYS  key, fence of each lease
-- ARGV  channels, instance of the caller's store, then token or '', mark or '' of each; or '-' and the
--       mark of a claim that was refused each time it asked for its key: if it is still next, nothing
--       of it has to be known
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
    or '5d' .. string.rep('0', 96) .. string.rep('\0', 8) .. string.rep('0', 16)
  call('SET', fence, own .. with_ended(text, mark, true, MOST), 'KEEPTTL')
  if call('PTTL', fence) < DAY then call('PEXPIRE', fence, DAY) end
  return 1
end

-- hand_over begins the lease of the claim that is next, over the record of a lease that is to be
-- deleted, and returns its token and mark. It returns nil, and has done nothing, if there is no such
-- claim or the server does not take it. The record lives for as long as the claim would have.
local function hand_over(key, fence, by_nonce)
  local place = string.gsub(fence, '}:f:', '}:n:', 1)
  local claim, left = redis.pcall('GET', place), redis.pcall('PTTL', place)
  if type(claim) ~= 'string' or type(left) ~= 'number' or left <= 0 then return nil end
  local begun, value = sub(claim, 1, 104), sub(claim, 105)
  local ttl, mark = tonumber(sub(begun, 1, 13)), sub(begun, 81, 88)
  if string.find(sub(begun, 1, 20), '%D') or tonumber(sub(begun, 14, 20)) ~= #value or value == '' then return nil end
  local text = read_fence(fence, '-1')
  local last = sub(text, 3, 18)
  if mark == sub(text, 99, 106) or knows(text, mark) then return nil end
  local possible, token, list = pcall(following, text, last, by_nonce)
  if not possible or redis.pcall('SET', key, value, 'PX', left).err then return nil end
  call('SET', fence, '5l' .. token .. begun .. list, 'PX', string.format('%.0f', DAY + 2 * ttl + left))
  call('DEL', place)
  return token .. mark
end

-- owns_short asks as inspect does about a live lease whose fence holds its value. If one has another
-- answer it returns false, and leaves the reason to inspect. Most leases are such, and most calls need
-- no more.
local function owns_short(text, key, fence)
  local length = tonumber(sub(text, 32, 38))
  return length and length > 0 and length <= HELD
    and call('PTTL', fence) > DAY + 2 * ttl_of(text) and call('PTTL', key) > 0
    and redis.pcall('GETRANGE', key, '0', HELD_TEXT) == sub(text, 39, 38 + length)
end

local instance = ARGV[2]

return each(2, function(key, fence, at)
  local token, mark = ARGV[at + 1], ARGV[at + 2]
  local by_nonce = mark ~= ''
  local text = read_fence(fence, LAST)
  local state = sub(text, 2, 2)
  local named = text ~= '' and (sub(text, 3, 18) == token or sub(text, 99, 106) == mark)
  if named and (state == 'l' or state == 'w') then
    local ours, _ = owns_short(text, key, fence)
    if not ours then _, ours = inspect(text, key, fence, true) end
    if ours then
      local handed = state == 'w' and hand_over(key, fence, by_nonce)
      if handed then
        publish(ARGV[1] .. 'k:' .. key, '=' .. handed)
      else
        call('DEL', key) -- first, so that it is not refused when memory is out
        call('SETRANGE', fence, '1', by_nonce and 'n' or 'd')
        publish(ARGV[1] .. 'k:' .. key, '-' .. sub(text, 3, 18))
      end
      local store = sub(text, 107, 122)
      if store ~= instance then publish(ARGV[1] .. 's:' .. store, key) end
      return 1
    end
  end
  if not by_nonce or named and state == 'n' then return refuse(fence, 1) end
  if not named then
    local place = string.gsub(fence, '}:f:', '}:n:', 1)
    local was_next = redis.pcall('GETRANGE', place, '80', '87') == mark and call('DEL', place) == 1
    return was_next and token == '-' and 1 or settle(fence, mark) -- it can be on its way with its slot
  end
  call('SETRANGE', fence, '1', 'n')
  return 1
end)
