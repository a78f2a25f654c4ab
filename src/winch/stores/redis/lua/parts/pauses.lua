-- Pauses: a sorted set of queues, scored by when each ends by itself (+inf: it does not). ALL stands for every queue.
--- @include parts/look

--- @constant ALL '*'
local end_of_pause  -- the earliest: nil if nothing is paused, infinite if none ends by itself

-- Before the first write of whatever lifts, or tells what is due next.
local function look_at_pauses()
  end_of_pause = tonumber(look('ZRANGE', P .. 'paused', 0, 0, 'WITHSCORES')[2] or nil)
  if end_of_pause and end_of_pause <= NOW then look('SCARD', P .. 'queues') end
end

local function is_paused(queue)
  local ends = redis.call('ZMSCORE', P .. 'paused', queue, ALL)
  return (ends[1] or ends[2]) and true or false
end

-- The earlier of a delay (ms, -1 none) and the next end of a pause.
local function or_end_of_pause(delay)
  if not end_of_pause or end_of_pause == math.huge then return delay end
  local left = math.max(0, end_of_pause - NOW)
  return delay < 0 and left or math.min(delay, left)
end
