-- Creates jobs that have no parents, under ids that are new: all of them or none (contract: HotPath.enqueue).
-- What else may be asked for is `enqueue_any`'s: every call makes a script's functions anew, and these need few.
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3 ...]  per job: its id, and the job packed (parts/new_job)
--
-- Guard    no id is known. At maxmemory the whole call is refused.
-- Returns  now, and a string of the states as digits
-- Errors   KNOWN (call `enqueue_any`), DUPLICATE n (job n has the id of another), STALECALL
--- @include parts/call
--- @include parts/queue_job
--- @include parts/new_job

local earlier = earlier_answer()
if earlier then return earlier end
if any_known() then return redis.error_reply('KNOWN') end
local jobs, states, seen = {}, {}, {}
for n = 3, #ARGV, 2 do
  local i, id = (n - 1) / 2, ARGV[n]
  if seen[id] then return redis.error_reply('DUPLICATE ' .. i) end
  seen[id], jobs[i] = true, unpack_job(id, ARGV[n + 1])
end
look_at_queues(jobs)
count()

needs_memory()
add_to_queues(jobs)
for i, job in ipairs(jobs) do
  if job.due > 0 then schedule_job(job, job.due) else queue_job(job, has(job.flags, FRONT)) end
  states[i] = job.state
end
finish()
return keep({NOW, table.concat(states)})
