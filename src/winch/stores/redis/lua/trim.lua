-- Removes ended jobs that are expired or too many, until a beat has removed all (contract: Liveness.beat).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  the most to remove
--
-- Returns  1 if there may be more
-- Errors   STALECALL
--- @include parts/call
--- @include parts/upkeep

local earlier = earlier_answer()
if earlier then return earlier end
local queues = look('SMEMBERS', P .. 'queues')
look_around()
count()

goes_on_without_memory()
local left = prune(queues, tonumber(ARGV[3]))
finish()
return keep(left == 0 and 1 or 0)
