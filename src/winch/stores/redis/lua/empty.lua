-- Removes a queue's queued jobs (contract: Control.empty).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  queue
-- ARGV[4]  the most to remove
--
-- Returns  how many there were
-- Errors   STALECALL
--- @include parts/call
--- @include parts/remove_jobs

local QUEUE, LIMIT = ARGV[3], tonumber(ARGV[4])

local earlier = earlier_answer()
if earlier then return earlier end
local ids = redis.call('ZRANGE', P .. 'suspects:' .. QUEUE, 0, LIMIT - 1)
if #ids < LIMIT then
  for _, id in ipairs(redis.call('ZRANGE', P .. 'queued:' .. QUEUE, 0, LIMIT - #ids - 1)) do ids[#ids + 1] = id end
end
local jobs, unreadable = read_all(ids)
count()

goes_on_without_memory()
local count = remove_jobs(jobs, unreadable)
finish()
return keep(count)
