-- Hints to supervisors: one list per worker, pushed only if absent, so that it never holds more than one.
--- @include parts/base

local function hint(worker)
  if redis.call('EXISTS', P .. 'hint:' .. worker) == 0 then redis.call('RPUSH', P .. 'hint:' .. worker, 1) end
end

-- Hints that cannot be given are no reason to fail: the next beat brings the times.
local function hint_workers_of(queue)
  for _, worker in ipairs(redis.pcall('SMEMBERS', P .. 'workers')) do
    local queues = redis.pcall('HGET', P .. 'worker:' .. worker, 'queues')
    if type(queues) == 'string' and string.find(queues, '\n' .. queue .. '\n', 1, true) then hint(worker) end
  end
end

local function hint_all_workers()
  for _, worker in ipairs(redis.pcall('SMEMBERS', P .. 'workers')) do hint(worker) end
end
