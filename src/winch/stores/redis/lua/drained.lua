-- Whether nothing is left for a burst (contract: Liveness.drained; rule 27). Reads only.
--
-- KEYS[1]  prefix
-- ARGV[1 ...]  queues
--
-- Returns  1 or 0
--- @include parts/claims
--- @include parts/pauses

local function has_work(queue)
  return redis.call('EXISTS', P .. 'queued:' .. queue, P .. 'suspects:' .. queue, P .. 'blocked:' .. queue) > 0
    and not is_paused(queue)
end

local function is_dead(worker)
  local kept = redis.call('HMGET', P .. 'worker:' .. worker, 'beat', 'ttl')
  return NOW - tonumber(kept[1] or 0) > tonumber(kept[2] or 0)
end

local function holds_any(worker, queues)
  for _, executor in ipairs(redis.call('LRANGE', P .. 'crew:' .. worker, 0, -1)) do
    for _, job in ipairs(claims_of(executor)) do
      if queues[job.queue] then return true end
    end
  end
  return false
end

local queues = {}
for _, queue in ipairs(ARGV) do
  if has_work(queue) then return 0 end
  queues[queue] = true
end
if redis.call('EXISTS', P .. 'firing') == 1 then return 0 end
for _, worker in ipairs(redis.call('SMEMBERS', P .. 'workers')) do
  if is_dead(worker) and holds_any(worker, queues) then return 0 end
end
return 1
