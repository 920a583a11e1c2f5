-- Say that leases are still open. One that the server has forgotten is open again.
--
-- KEYS: levels, open, parts of one subject.
-- ARGV: the time (0: the server's), how long they last unrenewed, the leases.

local now, ttl = clock(ARGV[1]), tonumber(ARGV[2])
local members = {}
for i = 3, #ARGV do
  table.insert(members, now + ttl)
  table.insert(members, ARGV[i])
end
redis.call('ZADD', KEYS[2], unpack(members))
for _, key in ipairs(KEYS) do
  local left = redis.call('PTTL', key)
  if left ~= -2 and left < ttl / 500 then redis.call('PEXPIRE', key, math.ceil(ttl / 500)) end
end
return 1
