-- Let a call in where all its subjects have room for it; otherwise nothing is taken from any.
--
-- KEYS: levels, open, parts of each subject.
-- ARGV: the time (0: the server's), the lease, how long it lasts unrenewed, tokens; then for each
--       subject its limits of requests, tokens and open calls, -1 where there is none.
-- Returns 1 or 0, then what each subject has in use: requests, tokens, open calls.

local now, id = clock(ARGV[1]), ARGV[2]
local ttl, cost = tonumber(ARGV[3]), tonumber(ARGV[4]) * UNIT

local function run_off(level, limit, since)
  if now <= since then return 0 end
  return math.min(level, (now - since) * limit)
end

local function sweep(i)
  local over = redis.call('ZRANGEBYSCORE', KEYS[i + 1], '-inf', now, 'LIMIT', 0, AT_ONCE)
  for _, each in ipairs(over) do release(KEYS[i], KEYS[i + 1], KEYS[i + 2], each) end
end

local function look(i)
  local at = 4 + i
  local s = { i = i, requests = tonumber(ARGV[at]), tokens = tonumber(ARGV[at + 1]) }
  local said = redis.call('HMGET', KEYS[i], 'r', 'rl', 'rs', 't', 'tl', 'ts')
  for n = 1, 6 do said[n] = tonumber(said[n]) or n % 3 == 0 and now or 0 end
  s.r, s.rl, s.rs, s.t, s.tl, s.ts = unpack(said)
  sweep(i)
  s.open = redis.call('ZCOUNT', KEYS[i + 1], '(' .. whole(now), '+inf')
  local most = tonumber(ARGV[at + 2])
  s.room = most < 0 or s.open < most
  if s.requests >= 0 then
    s.r = s.r - run_off(s.r, s.rl, s.rs)
    s.rl, s.rs = s.requests, math.max(s.rs, now)
    s.room = s.room and s.r + UNIT <= s.requests * UNIT
  end
  if s.tokens >= 0 then
    local gone = run_off(s.t, s.tl, s.ts)
    if gone > 0 and gone == s.t then
      redis.call('DEL', KEYS[i + 2])
    elseif gone > 0 then
      drain(KEYS[i + 2], top_part(KEYS[i + 2]), gone)
    end
    s.t = s.t - gone
    s.tl, s.ts = s.tokens, math.max(s.ts, now)
    s.room = s.room and s.t + cost <= s.tokens * UNIT
  end
  return s
end

local function take(s)
  local number = 0
  redis.call('ZADD', KEYS[s.i + 1], now + ttl, id)
  s.open = s.open + 1
  if s.requests >= 0 then s.r = s.r + UNIT end
  if s.tokens >= 0 then
    local part = free_top(KEYS[s.i], KEYS[s.i + 2])
    put(KEYS[s.i + 2], part, part.left + cost, 1)
    s.t, number = s.t + cost, part.number
  end
  s.number = number
end

local function write(s)
  local fields = { 'r', s.r, 'rl', s.rl, 'rs', s.rs, 't', s.t, 'tl', s.tl, 'ts', s.ts }
  if s.number then
    table.insert(fields, id)
    table.insert(fields, whole(s.number) .. ' 0 0')
  end
  redis.call('HSET', KEYS[s.i], unpack(fields))
  keep(s.i, s.r, s.rl, s.t, s.tl, ttl)
end

local all, room = {}, true
for i = 1, #KEYS, 3 do
  local s = look(i)
  room = s.room and room
  table.insert(all, s)
end
local reply = { room and 1 or 0 }
for _, s in ipairs(all) do
  if room then take(s) end
  write(s)
  table.insert(reply, whole(s.r))
  table.insert(reply, whole(s.t))
  table.insert(reply, whole(s.open))
end
return reply
