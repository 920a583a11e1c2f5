-- Grant money out of one account's window, and take note of what processes did by themselves.
--
-- What is taken is `base` and `since`: what was taken when this hash began, as far as the processes
-- knew, and what was taken since. A process knows what was taken when it last asked; one that knows
-- of another beginning, or of more than there ever was, shows that the server has forgotten.
--
-- KEYS: the hash of an account and window.
-- ARGV: the limit; what is needed, what is wished; what is taken unasked, below 0 given back; what
--       the process knows to be taken, since which beginning and version (0: it never asked); the
--       Unix time at which all is forgotten; the time (0: the server's).
-- Returns what is granted, what is now taken, the beginning, the version.

local PART = 64

local key = KEYS[1]
local limit, need, wish, told = unpack(ARGV, 1, 4)
limit, need, wish, told = tonumber(limit), tonumber(need), tonumber(wish), tonumber(told)
local known, theirs, seen = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local function beginning()
  local now = tonumber(ARGV[9])
  if now > 0 then return now end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local said = redis.call('HMGET', key, 'beginning', 'version', 'base', 'since')
for n = 1, 4 do said[n] = tonumber(said[n]) end
local began, version, base, since = said[1], said[2] or 0, said[3] or 0, said[4] or 0

if not began then
  began, base, since = beginning(), known, 0
elseif theirs == 0 then
  base = math.max(base, known - since)
elseif theirs ~= began then
  base = math.max(base, known)
elseif seen > version then
  began, base, since = beginning(), math.max(base + since, known), 0
end

since = math.max(since + told, -base)
local left = limit - base - since
local granted = 0
if need <= left then granted = math.max(need, math.min(wish, math.floor(left / PART))) end
since, version = since + granted, version + 1
redis.call('HSET', key, 'beginning', began, 'version', version, 'base', base, 'since', since)
redis.call('EXPIREAT', key, ARGV[8])
return { granted, base + since, began, version }
