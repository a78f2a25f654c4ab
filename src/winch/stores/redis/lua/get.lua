-- Records (contract: Control.get). Reads only.
--
-- KEYS[1]  prefix
-- ARGV[1 ...]  ids
--
-- Returns  now, then per id: 0 if unknown; its record; record, executor and worker's name while it is started; or, if
--          it cannot be read, an empty string and the queue that lists it as failed
--- @include parts/indexes

local function queue_of_damaged(id)
  for _, queue in ipairs(redis.call('SMEMBERS', P .. 'queues')) do
    if redis.call('ZSCORE', P .. 'failed:' .. queue, id) then return queue end
  end
  return ''
end

local function name_of(executor)
  local _, worker = enlistment(executor)
  return worker and redis.call('HGET', P .. 'worker:' .. worker, 'name') or ''
end

local answer = {NOW}
for n, id in ipairs(ARGV) do
  local job, unreadable = read(id)
  if unreadable then
    answer[n + 1] = {'', queue_of_damaged(id)}
  elseif not job or is_over(job) then
    answer[n + 1] = 0
  elseif job.state == STARTED then
    local executor = executor_at(job.seat) or ''
    answer[n + 1] = {encode(job), executor, name_of(executor)}
  else
    answer[n + 1] = {encode(job)}
  end
end
return answer
