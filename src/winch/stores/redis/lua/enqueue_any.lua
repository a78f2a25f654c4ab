-- Creates jobs, whatever they ask for: all of them or none (contract: HotPath.enqueue).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3 ...]  per job: its id, and the job packed (parts/new_job)
--
-- Guard    no id is in use, every parent and every group is known. At maxmemory the whole call is refused.
-- Returns  now, and a string of the states as digits
-- Errors   DUPLICATE n, UNKNOWN n m (job n, its parent m), NOGROUP n, STALECALL
--- @include parts/call
--- @include parts/create

local function state_of_parent(id, planned)
  if planned[id] then return planned[id] end
  local job = read(id)
  return job and not is_over(job) and job.state
end

-- The state that a job is put into, and the parents it waits for. Nil and the position of a parent that nobody knows.
-- `gone` holds those of this call that are created canceled and not kept: nobody can wait for them to be requeued.
local function plan(job, planned, gone)
  local state, unmet = job.due > 0 and SCHEDULED or QUEUED, {}
  if job.error then return FAILED, unmet end
  for n, parent in ipairs(job.parents or {}) do
    local found = state_of_parent(parent, planned)
    if not found then return nil, n end
    local failed = found > FINISHED
    if found < FINISHED or (failed and policy(job) == WAIT and not gone[parent]) then
      unmet[#unmet + 1] = parent
      if state ~= CANCELED then state = DEFERRED end
    elseif failed and policy(job) ~= RUN then
      state = CANCELED
    end
  end
  return state, unmet
end

local earlier = earlier_answer()
if earlier then return earlier end
look_around()
count()
local jobs, states, unmet, planned, gone, known = {}, {}, {}, {}, {}, any_known()
for n = 3, #ARGV, 2 do
  local i, id = (n - 1) / 2, ARGV[n]
  local job = unpack_job(id, ARGV[n + 1])
  if known then job.old, job.damaged = read(id) end
  if planned[id] or (job.old and not is_ended(job.old)) then return redis.error_reply('DUPLICATE ' .. i) end
  states[i], unmet[i] = plan(job, planned, gone)
  if not states[i] then return redis.error_reply('UNKNOWN ' .. i .. ' ' .. unmet[i]) end
  look_at_new(job, unmet[i])
  if has(job.features, GROUPED) and not grouping().look_of(job) then
    return redis.error_reply('NOGROUP ' .. i)
  end
  jobs[i], planned[id] = job, states[i]
  gone[id] = states[i] == CANCELED and job.failure_ttl == 0
end

needs_memory()
local children = {}
add_to_queues(jobs)
local joined = join_groups(jobs)
for i, job in ipairs(jobs) do create(job, states[i], unmet[i], children) end
for parent, list in pairs(children) do adopt(parent, list) end
release_groups(joined)
finish()
return keep({NOW, table.concat(states)})
