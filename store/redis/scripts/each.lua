-- each calls one for every key and fence in KEYS, with three arguments of ARGV behind
-- the first. What an item raises is its answer, and does not keep others from theirs.
local function each(one)
  local answers = {}
  for i = 1, #KEYS / 2 do
    local a = 3 * i - 1
    local ok, answer = pcall(one, KEYS[2 * i - 1], KEYS[2 * i], ARGV[a], ARGV[a + 1], ARGV[a + 2])
    if ok then
      answers[i] = answer
    else
      answers[i] = {'error', type(answer) == 'table' and answer.err or answer}
    end
  end
  return answers
end
