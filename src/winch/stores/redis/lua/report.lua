-- Keeps with a job how far it has come (contract: HotPath.report).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  id
-- ARGV[4]  token of the claim
-- ARGV[5]  progress, at most 255 bytes
--
-- Guard    the job is started under this token. Refused at maxmemory.
-- Returns  1; 0 if the claim is not held any more
-- Errors   STALECALL
--- @include parts/call
--- @include parts/meta

local earlier = earlier_answer()
if earlier then return earlier end
local job = read(ARGV[3])
local is_held = job and job.state == STARTED and job.token == tonumber(ARGV[4])

needs_memory()
if is_held then
  local _, meta = noted_of(job)
  note(job, ARGV[5], meta)
end
return keep(is_held and 1 or 0)
