-- What a subject (a key, a team, a model) has in use; every other file of limits begins with this.
--
-- It is `policy/gcra.py` and `policy/limits.py` once more: a test shows that they agree. A subject
-- has three keys, in this order:
--
--   levels   a hash: requests `r`, their limit `rl`, since when `rs`; tokens `t`, `tl`, `ts`; the
--            last part's number `n`; and for each open lease "part less more"
--   open     a sorted set: open leases, by the time at which they are over if nobody renews them
--   parts    a sorted set: "number left holders", by number: what is left of reservations, each
--            lying on the one before it. One that is used up is gone, and its holders are those of
--            the one below.
--
-- Times are microseconds of this server's own clock, levels count in parts of a token.

local UNIT = 60000000
local LONGEST = 86400000
local AT_ONCE = 16

local function clock(given)
  local now = tonumber(given)
  if now > 0 then return now end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function whole(number)
  return string.format('%.0f', number)
end

local function first(found)
  if not found[1] then return nil end
  local number, left, holders = string.match(found[1], '^(%d+) (%d+) (%d+)$')
  if not number then return nil end
  return {
    name = found[1], number = tonumber(number), left = tonumber(left), holders = tonumber(holders),
  }
end

local function top_part(parts)
  return first(redis.call('ZREVRANGE', parts, 0, 0))
end

-- Where what was reserved as this part is now: there, or sunk into one below.
local function place(parts, number)
  return first(redis.call('ZREVRANGEBYSCORE', parts, number, '-inf', 'LIMIT', 0, 1))
end

local function below(parts, part)
  return first(redis.call('ZREVRANGEBYSCORE', parts, '(' .. whole(part.number), '-inf', 'LIMIT', 0, 1))
end

local function above(parts, part)
  return first(redis.call('ZRANGEBYSCORE', parts, '(' .. whole(part.number), '+inf', 'LIMIT', 0, 1))
end

local function put(parts, part, left, holders)
  local before = part.name
  part.left, part.holders = left, holders
  part.name = whole(part.number) .. ' ' .. whole(left) .. ' ' .. whole(holders)
  if part.name == before then return end
  -- In this order: a set that is empty for a moment forgets when it is to expire.
  redis.call('ZADD', parts, part.number, part.name)
  if before then redis.call('ZREM', parts, before) end
end

-- A part that nobody holds, above all others.
local function free_top(levels, parts)
  local top = top_part(parts)
  if top and top.holders == 0 then return top end
  return { number = redis.call('HINCRBY', levels, 'n', 1), left = 0, holders = 0 }
end

-- Take so much from a part and those below it; return how much that was.
local function drain(parts, part, amount)
  local taken = 0
  while part and amount >= part.left do
    amount, taken = amount - part.left, taken + part.left
    local lower = below(parts, part)
    redis.call('ZREM', parts, part.name)
    if lower and part.holders > 0 then
      put(parts, lower, lower.left, lower.holders + part.holders)
    end
    part = lower
  end
  if part and amount > 0 then
    put(parts, part, part.left - amount, part.holders)
    taken = taken + amount
  end
  return taken
end

-- End a reservation: what is left of it stays, and is a matter of those that came after.
local function close(parts, number)
  local part = place(parts, number)
  if not part then return end
  local upper = above(parts, part)
  if part.holders > 1 or not upper then
    put(parts, part, part.left, math.max(0, part.holders - 1))
    return
  end
  redis.call('ZREM', parts, part.name)
  put(parts, upper, upper.left + part.left, upper.holders)
end

local function record(levels, id)
  local said = redis.call('HGET', levels, id)
  if not said then return 0, 0, 0 end
  local number, less, more = string.match(said, '^(%d+) (%d+) (%d+)$')
  return tonumber(number) or 0, tonumber(less) or 0, tonumber(more) or 0
end

local function release(levels, open, parts, id)
  local number = record(levels, id)
  redis.call('ZREM', open, id)
  redis.call('HDEL', levels, id)
  if number > 0 then close(parts, number) end
end

-- Keep what is known until it has run off, and a lease's time at least.
local function keep(i, r, rl, t, tl, ttl)
  local life = ttl / 500
  if r > 0 then life = math.max(life, rl > 0 and r / rl / 1000 or LONGEST) end
  if t > 0 then life = math.max(life, tl > 0 and t / tl / 1000 or LONGEST) end
  life = math.ceil(math.min(life, LONGEST)) + 1000
  for key = i, i + 2 do redis.call('PEXPIRE', KEYS[key], life) end
end
