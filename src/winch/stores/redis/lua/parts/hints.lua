-- Hints to supervisors: one list per worker, pushed only if absent, so that it never holds more than one.
--- @include parts/base

local function hint(worker)
  if redis.call('EXISTS', P .. 'hint:' .. worker) == 0 then redis.call('RPUSH', P .. 'hint:' .. worker, 1) end
end

local function hint_workers_of(queue)
  for _, worker in ipairs(redis.call('SMEMBERS', P .. 'workers')) do
    local queues = redis.call('HGET', P .. 'worker:' .. worker, 'queues')
    if queues and string.find(queues, '\n' .. queue .. '\n', 1, true) then hint(worker) end
  end
end
