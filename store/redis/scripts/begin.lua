-- The beginning of a lease, for the scripts that begin one.

-- new_token returns a token that is larger than the last one of a key: the server's time in
-- microseconds, as a rule.
local clock
local function new_token(last)
  if not clock then
    clock = now()[1] .. sub('00000' .. now()[2], -6)
    if #clock ~= 16 then clock = string.format('%016.0f', clock) end -- of the last century
  end
  if last >= clock then return string.format('%016.0f', last + 1) end
  return clock
end

-- list_after returns the list of ended creates for a lease that follows the one of a fence, which has
-- been deleted by nonce or not. It raises an error if none can.
local function list_after(text, last, by_nonce)
  if string.find(last, '%D') then error(DAMAGED, 0) end
  if last >= '9007199254740991' then error('leasehold: the tokens of this key are used up', 0) end
  if last == '' then return '000' end
  if last == '0000000000000000' then return sub(text, WHOLE + 1) end -- of a key that had no lease
  return with_ended(text, sub(text, 99, 106), by_nonce, ALL)
end

-- next_of names the claim that is next for the key of a fence. The name is not among KEYS: in a slot
-- that is being moved one that is missing would have the server refuse the whole call.
local function next_of(fence) return (string.gsub(fence, '}:f:', '}:n:', 1)) end
