-- Hands out no more of a queue's jobs, or hands them out again (contract: Control.pause, Control.resume).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  queue
-- ARGV[4]  "1" to pause, "0" to resume
--
-- Returns  1
-- Errors   STALECALL
--- @include parts/call
--- @include parts/indexes

local earlier = earlier_answer()
if earlier then return earlier end
look('SCARD', P .. 'paused')

goes_on_without_memory()
if ARGV[4] == '1' then
  redis.call('SADD', P .. 'paused', ARGV[3])
else
  redis.call('SREM', P .. 'paused', ARGV[3])
  mark(ARGV[3])
end
return keep(1)
