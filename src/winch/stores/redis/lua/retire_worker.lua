-- Ends a worker's enlistment and that of its executors, whose claims return (contract: Liveness.retire_worker).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  worker
--
-- Guard    a worker that is not enlisted is retired already: nothing happens.
-- Returns  1
-- Errors   STALECALL
--- @include parts/call
--- @include parts/dismiss

local earlier = earlier_answer()
if earlier then return earlier end
local leaving
if redis.call('EXISTS', P .. 'worker:' .. ARGV[3]) == 1 then
  look_around()
  count()
  leaving = look_at_leaving(ARGV[3])
end

goes_on_without_memory()
if leaving then dismiss_worker(leaving, false) end
finish()
return keep(1)
