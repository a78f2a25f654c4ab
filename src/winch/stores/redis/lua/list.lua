-- Ids of a queue's jobs in a state (contract: Control.list). Reads only.
--
-- KEYS[1]  prefix
-- ARGV[1]  queue
-- ARGV[2]  state, as its name
-- ARGV[3]  offset
-- ARGV[4]  limit
-- ARGV[5]  "1" for the newest first
--
-- Returns  ids
--- @include parts/base

local QUEUE, STATE, OFFSET, LIMIT, NEWEST = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1'
local WAITS = {scheduled = true, deferred = true, blocked = true, started = true}

local function range(key, offset, limit)
  if limit <= 0 then return {} end
  return redis.call(NEWEST and 'ZREVRANGE' or 'ZRANGE', key, offset, offset + limit - 1)
end

-- Suspects come first: they are claimed first.
local function queued()
  local first, second = P .. 'suspects:' .. QUEUE, P .. 'queued:' .. QUEUE
  if NEWEST then first, second = second, first end
  local ids, before = range(first, OFFSET, LIMIT), redis.call('ZCARD', first)
  for _, id in ipairs(range(second, math.max(0, OFFSET - before), LIMIT - #ids)) do ids[#ids + 1] = id end
  return ids
end

local key = P .. STATE .. ':' .. QUEUE
if STATE == 'queued' then return queued() end
if WAITS[STATE] then return range(key, OFFSET, LIMIT) end
if NEWEST then return redis.call('ZREVRANGEBYSCORE', key, '+inf', '(' .. NOW, 'LIMIT', OFFSET, LIMIT) end
return redis.call('ZRANGEBYSCORE', key, '(' .. NOW, '+inf', 'LIMIT', OFFSET, LIMIT)
