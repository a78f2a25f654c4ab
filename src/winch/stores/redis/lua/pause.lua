-- Hands out no more of a queue's jobs, or hands them out again (contract: Control.pause, Control.resume).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  queue, or "*" for all
-- ARGV[4]  "1" to pause, "0" to resume
-- ARGV[5]  milliseconds until the pause ends by itself, 0 for never
--
-- Returns  1
-- Errors   STALECALL
--- @include parts/call
--- @include parts/indexes

local QUEUE, TTL = ARGV[3], tonumber(ARGV[5])

local earlier = earlier_answer()
if earlier then return earlier end
look_at_pauses()
look('SCARD', P .. 'queues')

goes_on_without_memory()
if ARGV[4] == '1' then
  redis.call('ZADD', P .. 'paused', TTL > 0 and NOW + TTL or '+inf', QUEUE)
  if TTL > 0 then hint_all_workers() end
else
  redis.call('ZREM', P .. 'paused', QUEUE)
  touch(QUEUE)
  finish()
end
return keep(1)
