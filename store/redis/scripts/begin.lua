-- The beginning of a lease, for the scripts that begin one.

-- following returns the token of a lease that follows the one of a fence, and the list of its ended
-- creates. The token is larger than the last: the server's time in microseconds, as a rule. It raises
-- an error if no lease can follow.
local clock
local function following(text, last, by_nonce)
  if string.find(last, '%D') then error(DAMAGED, 0) end
  if last >= '9007199254740991' then error('leasehold: the tokens of this key are used up', 0) end
  if not clock then
    clock = now()[1] .. sub('00000' .. now()[2], -6)
    if #clock ~= 16 then clock = string.format('%016.0f', clock) end -- of the last century
  end
  local token = last < clock and clock or string.format('%016.0f', last + 1)
  if last == '' then return token, '000' end
  if last == '0000000000000000' then return token, sub(text, WHOLE + 1) end -- of a key that had no lease
  return token, with_ended(text, sub(text, 99, 106), by_nonce, ALL)
end
