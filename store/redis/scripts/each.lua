-- each calls one for every key and fence in KEYS, with its equal share of ARGV behind
-- the first. What an item raises is its answer, and does not keep others from theirs.
local function each(one)
  local answers, n = {}, #KEYS / 2
  local share = (#ARGV - 1) / n
  for i = 1, n do
    local a = (i - 1) * share + 1
    local ok, answer = pcall(one, KEYS[2 * i - 1], KEYS[2 * i], unpack(ARGV, a + 1, a + share))
    if ok then
      answers[i] = answer
    else
      answers[i] = {'error', type(answer) == 'table' and answer.err or answer}
    end
  end
  return answers
end
