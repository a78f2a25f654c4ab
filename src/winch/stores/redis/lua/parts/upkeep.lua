-- What a beat does beside beating: ended jobs past their expiry go, and once a minute each queue is sampled.
--- @include parts/end_job
--- @include parts/damage
--- @include parts/metrics

local KEEP = {['finished:'] = 500000, ['failed:'] = 100000}

local function remove(id, index)
  local job = read(id)
  if job and not may_end(job) then return end
  if job and is_ended(job) and index_of(job) == index then
    vanish(job)
    return
  end
  change(index, id, false)
  if not job then redis.call('DEL', record_key(id)) end
end

local function prune_index(family, queue, room)
  local index = P .. family .. queue
  local ids = redis.pcall('ZRANGEBYSCORE', index, '-inf', NOW, 'LIMIT', 0, room)
  local over = KEEP[family] and not ids.err and redis.call('ZCARD', index) - KEEP[family] or 0
  if over > #ids then ids = redis.call('ZRANGE', index, 0, math.min(over, room) - 1) end
  if (ids.err or #ids > 0) and not is_sound(queue) then return room end
  for _, id in ipairs(ids) do remove(id, index) end
  return room - #ids
end

local function prune_queue(queue, room)
  for state = FINISHED, STOPPED do
    if room > 0 then room = prune_index(STATES[state], queue, room) end
  end
  return room
end

-- Removes up to `room` ended jobs that are expired or too many. Returns what is left of `room`: with 0 there may be more.
-- Each queue has its share first, and what others leave after that; each call begins at another queue.
local function prune(queues, room)
  if #queues == 0 then return room end
  local share, first, full = math.max(1, math.floor(room / #queues)), MICROS % #queues, {}
  for n = 1, #queues do
    local queue, given = queues[(first + n) % #queues + 1], math.min(share, room)
    local left = prune_queue(queue, given)
    room = room - given + left
    if left == 0 then full[#full + 1] = queue end
  end
  flush()
  for _, queue in ipairs(full) do room = prune_queue(queue, room) end
  flush()
  return room
end

-- Removes groups past their expiry.
local function prune_groups(room)
  local expired = redis.pcall('ZRANGEBYSCORE', P .. 'groups', '-inf', NOW, 'LIMIT', 0, room)
  for _, id in ipairs(expired.err and {} or expired) do
    redis.call('UNLINK', P .. 'group:' .. id, P .. 'members:' .. id)
    redis.call('ZREM', P .. 'groups', id)
  end
end

-- Age of the job at the head of a queue, which in a queue of one priority is the oldest.
local function age_of_head(index)
  local id = redis.pcall('ZRANGE', index, 0, 0)[1]
  local job = id and read(id)
  return job and NOW - job.enqueued or 0
end

local function size(index)
  local answer = redis.pcall('ZCARD', index)
  return type(answer) == 'number' and answer or 0
end

local function sample(queues)
  local minute = string.format('%.0f', math.floor(NOW / MINUTE))
  if redis.call('HGET', P .. 'store', 'sampled') == minute then return end
  redis.call('HSET', P .. 'store', 'sampled', minute)
  for _, queue in ipairs(queues) do
    local queued, suspects = P .. 'queued:' .. queue, P .. 'suspects:' .. queue
    gauge(queue, 'depth', size(queued) + size(suspects))
    gauge(queue, 'oldest', math.max(age_of_head(queued), age_of_head(suspects)))
  end
end

-- Notes whether there are suspects at all: only then does a turn look for those of its queues.
local function note_suspects(queues)
  local found = 0
  for first, last in chunks(queues, GROUP) do found = found + existing('suspects:', queues, first, last) end
  if found > 0 then
    redis.call('HSET', P .. 'store', 'suspects', 1)
  else
    redis.call('HDEL', P .. 'store', 'suspects')
  end
end
