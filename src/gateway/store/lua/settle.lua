-- Put what a lease has used in place of what it reserved, and release it. Twice changes nothing.
--
-- KEYS: levels, open, parts of each subject.
-- ARGV: the lease; how many tokens in all are given back of its reservation; how many in all were
--       used beyond it; 1 to release it; how long a lease lasts unrenewed.

local id = ARGV[1]
local less, more, ended = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'

local function settle(i, number, given, used)
  local levels, parts = KEYS[i], KEYS[i + 2]
  local said = redis.call('HMGET', levels, 'r', 'rl', 't', 'tl')
  for n = 1, 4 do said[n] = tonumber(said[n]) or 0 end
  local r, rl, t, tl = unpack(said)
  if less > given then
    t = t - drain(parts, place(parts, number), (less - given) * UNIT)
  end
  if more > used then
    local part = free_top(levels, parts)
    put(parts, part, part.left + (more - used) * UNIT, part.holders)
    t = t + (more - used) * UNIT
  end
  local told = { whole(number), whole(math.max(less, given)), whole(math.max(more, used)) }
  redis.call('HSET', levels, 't', t, id, table.concat(told, ' '))
  keep(i, r, rl, t, tl, tonumber(ARGV[5]))
end

for i = 1, #KEYS, 3 do
  if redis.call('ZSCORE', KEYS[i + 1], id) then
    local number, given, used = record(KEYS[i], id)
    if number > 0 and (less > given or more > used) then settle(i, number, given, used) end
    if ended then release(KEYS[i], KEYS[i + 1], KEYS[i + 2], id) end
  end
end
return 1
