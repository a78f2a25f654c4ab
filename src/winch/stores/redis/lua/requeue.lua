-- Puts an ended job back into its queue (contract: Control.requeue).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  id
-- ARGV[4]  "1" for the front
--
-- Guard    the job exists, has ended and can be read. Refused at maxmemory.
-- Returns  the state it had
-- Errors   NOSUCHJOB, INVALID state, STALECALL
--- @include parts/call
--- @include parts/groups

local earlier = earlier_answer()
if earlier then return earlier end
local job, unreadable = read(ARGV[3])
if unreadable then return redis.error_reply('INVALID ' .. FAILED) end
if not job or is_over(job) then return redis.error_reply('NOSUCHJOB') end
local before = job.state
if not is_ended(job) then return redis.error_reply('INVALID ' .. before) end

look_around()
look_at_job(job)
count()

needs_memory()
job.fails, job.crashes, job.reason, job.ended, job.result = 0, 0, 0, 0, ''
set_repeats(job, 0)
if has(job.features, GROUPED) then grouping().take_end_back(job, before) end
queue_job(job, ARGV[4] == '1')
finish()
return keep(before)
