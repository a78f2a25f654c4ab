-- What a beat does beside beating: ended jobs past their expiry go, and once a minute each queue is sampled.
--- @include parts/end_job
--- @include parts/damage
--- @include parts/metrics

local KEEP = {['finished:'] = 500000, ['failed:'] = 100000}

local function remove(id, index)
  local job = read(id)
  if job and is_ended(job) then
    vanish(job)
    return
  end
  change(index, id, false)
  if not job then redis.call('DEL', record_key(id)) end
end

local function prune_index(family, queue, room)
  local index = P .. family .. queue
  local ids = redis.call('ZRANGEBYSCORE', index, '-inf', NOW, 'LIMIT', 0, room)
  local over = KEEP[family] and redis.call('ZCARD', index) - KEEP[family] or 0
  if over > #ids then ids = redis.call('ZRANGE', index, 0, math.min(over, room) - 1) end
  for _, id in ipairs(ids) do remove(id, index) end
  return room - #ids
end

local function prune(queues, room)
  for _, queue in ipairs(queues) do
    for state = FINISHED, STOPPED do
      if room <= 0 then return end
      room = prune_index(STATES[state], queue, room)
    end
  end
  flush()
end

-- Age of the job at the head of a queue, which in a queue of one priority is the oldest.
local function age_of_head(index)
  local id = redis.call('ZRANGE', index, 0, 0)[1]
  local job = id and read(id)
  return job and NOW - job.enqueued or 0
end

local function sample(queues)
  local minute = string.format('%.0f', math.floor(NOW / MINUTE))
  if redis.call('HGET', P .. 'store', 'sampled') == minute then return end
  redis.call('HSET', P .. 'store', 'sampled', minute)
  for _, queue in ipairs(queues) do
    local queued, suspects = P .. 'queued:' .. queue, P .. 'suspects:' .. queue
    gauge(queue, 'depth', redis.call('ZCARD', queued) + redis.call('ZCARD', suspects))
    gauge(queue, 'oldest', math.max(age_of_head(queued), age_of_head(suspects)))
  end
end
