-- Ends a job that waits, or one that runs (contract: Control.cancel).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  id
-- ARGV[4]  "1" to stop it if it runs
-- ARGV[5]  "1" to tell its children that it finished
--
-- Guard    the job exists and has not ended; if it runs, stop is asked for.
-- Returns  the state it had
-- Errors   NOSUCHJOB, INVALID state, STALECALL
--- @include parts/call
--- @include parts/end_job
--- @include parts/attempt
--- @include parts/lose

local TOLD = ARGV[5] == '1' and FINISHED or nil

local function stop(job)
  local _, worker = holder_of(job)
  local name = worker and redis.call('HGET', P .. 'worker:' .. worker, 'name') or ''
  lose(job)
  attempt(job, KIND_STOPPED, STOP_ASKED, name, job.started, NOW, '')
  end_job(job, STOPPED, STOP_ASKED, NOW, TOLD)
end

local earlier = earlier_answer()
if earlier then return earlier end
local job, unreadable = read(ARGV[3])
if unreadable then return redis.error_reply('INVALID ' .. FAILED) end
if not job or is_over(job) then return redis.error_reply('NOSUCHJOB') end
local before = job.state
if is_ended(job) or (before == STARTED and ARGV[4] ~= '1') then return redis.error_reply('INVALID ' .. before) end

look_around()
look_at_job(job)
look_at_loser(job)
count()

goes_on_without_memory()
if before == STARTED then stop(job) else end_job(job, CANCELED, 0, NOW, TOLD) end
finish()
return keep(before)
