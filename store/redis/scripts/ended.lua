-- The fence of a key knows creates whose leases have ended, for those that come late or
-- twice, by the marks of their nonces. There are three digits, the number of marks that have
-- to stay; then these, newest first, each with the time in seconds until which it stays, ten
-- digits; then the marks of the newest COUNT others. A mark has to stay for as long as a
-- message of its create can be under way if its nonce was deleted. There is room for MOST such
-- by deletes of nonces without a record; the last places are kept for nonces of leases, so that
-- the key can still be had. A call that finds no room is refused.

local COUNT, MOST, ALL, LIFE = 8, 900, 999, 5 * 60

-- now is the server's time, as TIME says it, asked once in a script.
local time
local function now()
  time = time or call('TIME')
  return time
end

-- knows returns where the list of a fence has a mark, or nil.
local function knows(text, mark) return string.find(text, mark, WHOLE + 4, true) end

-- with_ended returns the list of a fence with one mark more, which has to stay or not, and so
-- many that have to stay at most.
local function with_ended(text, mark, stays, most)
  local number = sub(text, WHOLE + 1, WHOLE + 3)
  if number == '' then number = '000' end
  if number == '000' and not stays then
    return '000' .. mark .. sub(text, WHOLE + 4, WHOLE + 3 + 8 * (COUNT - 1))
  end
  if not string.find(number, '^%d%d%d$') then error(DAMAGED, 0) end -- the loop may be endless
  local list, others, moment = {''}, WHOLE + 4 + 18 * number, now()[1]
  if stays then list[2] = mark .. string.format('%010.0f', moment + LIFE) end
  for at = WHOLE + 4, others - 1, 18 do
    if sub(text, at + 8, at + 17) >= moment then list[#list + 1] = sub(text, at, at + 17) end
  end
  if stays and #list - 1 > most then error('leasehold: too many creates of this key were settled just now', 0) end
  list[1] = string.format('%03d', #list - 1)
  if not stays then list[#list + 1] = mark end
  list[#list + 1] = sub(text, others, others + 8 * (stays and COUNT or COUNT - 1) - 1)
  return table.concat(list)
end
