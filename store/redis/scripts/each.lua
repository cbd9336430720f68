-- rest answers for the keys and fences in KEYS that have no answer yet. See each.
local function rest(one, answers, common, share)
  for i = #answers + 1, #KEYS / 2 do
    answers[i] = one(KEYS[2 * i - 1], KEYS[2 * i], common + (i - 1) * share)
  end
end

-- each calls one for every key and fence in KEYS, with the place in ARGV before its equal share of
-- those behind the first few, which all have in common. What an item raises is its answer, and does not keep others from theirs.
local function each(common, one)
  local answers, share = {}, 2 * (#ARGV - common) / #KEYS
  repeat
    local ok, answer = pcall(rest, one, answers, common, share)
    if not ok then answers[#answers + 1] = {'error', type(answer) == 'table' and answer.err or answer} end
  until ok
  return answers
end
