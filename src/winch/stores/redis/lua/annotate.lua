-- Replaces a job's meta (contract: HotPath.annotate).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  id
-- ARGV[4]  meta
--
-- Guard    the job exists. Refused at maxmemory.
-- Returns  1
-- Errors   NOSUCHJOB, STALECALL
--- @include parts/call
--- @include parts/record

local earlier = earlier_answer()
if earlier then return earlier end
local job = read(ARGV[3])
if not job or is_over(job) then return redis.error_reply('NOSUCHJOB') end

needs_memory()
local before = #job.queue + job.payload_size
job.body = string.sub(job.body, 1, before) .. ARGV[4] .. string.sub(job.body, before + job.meta_size + 1)
job.meta_size = #ARGV[4]
write(job)
return keep(1)
