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
--- @include parts/meta

local earlier = earlier_answer()
if earlier then return earlier end
local job = read(ARGV[3])
if not job or is_over(job) then return redis.error_reply('NOSUCHJOB') end

needs_memory()
local progress = noted_of(job)
note(job, progress, ARGV[4])
return keep(1)
