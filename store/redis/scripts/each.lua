-- each calls one for every key and fence in KEYS, with so many arguments of ARGV behind
-- the first. What an item raises is its answer, and does not keep others from theirs.
local function each(arguments, one)
  local answers = {}
  for i = 1, #KEYS / 2 do
    local a = (i - 1) * arguments + 1
    local ok, answer = pcall(one, KEYS[2 * i - 1], KEYS[2 * i], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4])
    if ok then
      answers[i] = answer
    else
      answers[i] = {'error', type(answer) == 'table' and answer.err or answer}
    end
  end
  return answers
end
