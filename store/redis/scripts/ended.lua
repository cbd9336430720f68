-- The fence of a key knows nonces of leases that have ended, for creates that come late or
-- twice, newest first. The newest COUNT stay in any case. One that was deleted while it had
-- no record stays for as long as a message of its create can be under way: behind its 16
-- bytes stand 16 more, 'until:' and the time in seconds. If there is no room for another
-- such, the call is refused.

local COUNT, MOST, LIFE = 16, 256, 20 * 60

-- knows returns where the list of a fence has a nonce, or nil.
local function knows(text, nonce)
  local at = string.find(text, nonce, WHOLE + 1, true)
  while at and (at - WHOLE - 1) % 16 ~= 0 do -- bytes of two
    at = string.find(text, nonce, at + 1, true)
  end
  return at
end

-- stays_until returns the time until which the nonce at a place must stay, or nil.
local function stays_until(text, at)
  local time = sub(text, at + 16, at + 31)
  return string.find(time, '^until:') and sub(time, 7)
end

-- with_ended returns the list of a fence with one nonce more.
local function with_ended(text, nonce, stays, now)
  if not stays and not string.find(text, 'until:', WHOLE + 17, true) then
    return nonce .. sub(text, WHOLE + 1, WHOLE + 16 * (COUNT - 1))
  end
  if stays then nonce = nonce .. string.format('until:%010.0f', now + LIFE) end
  local list, count, at = {nonce}, 1, WHOLE + 1
  while at < #text do
    local time = stays_until(text, at)
    local size = time and 32 or 16
    count = count + 1
    if count <= COUNT or time and time >= now then list[#list + 1] = sub(text, at, at + size - 1) end
    at = at + size
  end
  if #list > MOST then error('leasehold: too many creates of this key were settled just now', 0) end
  return table.concat(list)
end
