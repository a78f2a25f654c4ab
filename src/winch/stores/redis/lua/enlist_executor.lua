-- Allows an executor of a worker to take turns, and gives it a seat (contract: Liveness.enlist_executor).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  worker
-- ARGV[4]  executor
--
-- Guard    the worker is enlisted. An executor that has a seat keeps it.
-- Returns  1
-- Errors   NOTENLISTED, STALECALL
--- @include parts/call
--- @include parts/look

local earlier = earlier_answer()
if earlier then return earlier end
local worker, executor = ARGV[3], ARGV[4]
if redis.call('EXISTS', P .. 'worker:' .. worker) == 0 then return redis.error_reply('NOTENLISTED') end
local known = look('HEXISTS', P .. 'x:' .. executor, '') == 1

look('HLEN', P .. 'store')
look('HLEN', P .. 'seats')
look('LLEN', P .. 'crew:' .. worker)

goes_on_without_memory()
if not known then
  local seat = redis.call('HINCRBY', P .. 'store', 'seat', 1)
  redis.call('HSET', P .. 'x:' .. executor, '', struct.pack(PLACE, seat, #worker, worker) .. string.rep(' ', 64))
  redis.call('HSET', P .. 'seats', seat, executor)
  redis.call('RPUSH', P .. 'crew:' .. worker, executor)
end
return keep(1)
