-- Removes jobs in any state, with all they had (contract: Control.delete).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3 ...]  ids
--
-- Returns  how many there were
-- Errors   STALECALL
--- @include parts/call
--- @include parts/remove_jobs

local earlier = earlier_answer()
if earlier then return earlier end
local ids = {}
for n = 3, #ARGV do ids[n - 2] = ARGV[n] end
local jobs, unreadable = read_all(ids)
count()

goes_on_without_memory()
local count = remove_jobs(jobs, unreadable)
finish()
return keep(count)
