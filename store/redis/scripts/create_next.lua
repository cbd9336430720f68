-- create_next is create by claims that are next, each if a lease holds its key and no other claim is
-- next. It is then, for its ttl, whoever deletes the lease.
--
-- KEYS and ARGV are those of create.
--
-- Answers for each as create does; but {'next', ...} in place of {'held', ...} if the claim is next, or
-- {'ended'} if its lease is over.

return each(3, function(key, fence, at)
  local answer = create(key, fence, at)
  local begun, value = ARGV[at + 1], ARGV[at + 2]
  if type(answer) ~= 'table' or answer[1] ~= 'held' then return answer end

  local text, mark, place = read_fence(fence, '-1'), sub(begun, 81, 88), string.gsub(fence, '}:f:', '}:n:', 1)
  if knows(text, mark) then return {'ended'} end
  if #value > SMALL then return answer end
  local there = redis.pcall('GETRANGE', place, '80', '87')
  if type(there) == 'table' then return answer end -- of another type, or in a slot that is being moved
  -- A slot cannot be moved here with a name that is here too. Of two names only a server that has the
  -- whole slot says that one is missing.
  if there == '' and redis.pcall('EXISTS', fence, place) ~= 1 then return answer end
  if there == '' or there == mark or there == sub(text, 99, 106) or knows(text, there) then
    if redis.pcall('SET', place, begun .. value, 'PX', expiry).err then return answer end
    if sub(text, 2, 2) == 'l' then call('SETRANGE', fence, '1', 'w') end
    answer[1] = 'next'
  end
  return answer
end)
