-- Takes a queue that holds no job from the list of queues (contract: Control.forget).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  queue
--
-- Guard    no index of the queue holds a job.
-- Returns  1, or 0 if it holds jobs
-- Errors   STALECALL
--- @include parts/call
--- @include parts/look

local earlier = earlier_answer()
if earlier then return earlier end
local QUEUE = ARGV[3]
local indexes = {P .. 'suspects:' .. QUEUE}
for state = SCHEDULED, STOPPED do indexes[#indexes + 1] = P .. STATES[state] .. QUEUE end
if redis.call('EXISTS', unpack(indexes)) > 0 then return keep(0) end

look('SCARD', P .. 'queues')
look('ZCARD', P .. 'paused')

goes_on_without_memory()
redis.call('SREM', P .. 'queues', QUEUE)
redis.call('ZREM', P .. 'paused', QUEUE)
redis.call('DEL', P .. 'marker:' .. QUEUE)
return keep(1)
