-- All workers (contract: Liveness.workers). Reads only.
--
-- KEYS[1]  prefix
--
-- Returns  now, then per worker: info, beat, started, finished, failed, run, quiet, executors, jobs (id, begun, token ...),
--          commands as stored
--- @include parts/claims
--- @include parts/command

local function jobs_of(crew)
  local claims, found = {}, {}
  for _, executor in ipairs(crew) do claims_of(executor, claims) end
  for _, job in ipairs(claims) do
    found[#found + 1], found[#found + 2], found[#found + 3] = job.id, has(job.flags, BEGUN) and 1 or 0, job.token
  end
  return found
end

local answer = {NOW}
for _, worker in ipairs(redis.call('SMEMBERS', P .. 'workers')) do
  local kept = redis.call('HMGET', P .. 'worker:' .. worker, 'beat', 'started', 'finished', 'failed', 'run', 'quiet')
  local info = redis.call('GET', P .. 'info:' .. worker)
  local crew = redis.call('LRANGE', P .. 'crew:' .. worker, 0, -1)
  answer[#answer + 1] = {info, kept[1], kept[2], kept[3] or 0, kept[4] or 0, kept[5] or 0, kept[6] or 0, crew, jobs_of(crew), commands_to(worker)}
end
return answer
