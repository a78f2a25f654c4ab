-- Fires and promotes over all queues (contract: Liveness.promote).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
--
-- Returns  milliseconds until the next due job (0: there is more to do now), -1 if there is none
-- Errors   STALECALL
--- @include parts/call
--- @include parts/fire
--- @include parts/promote

local function until_next()
  local due = redis.call('ZRANGE', P .. 'due', 0, 0, 'WITHSCORES')[2]
  return due and math.max(0, tonumber(due) - NOW) or -1
end

local earlier = earlier_answer()
if earlier then return earlier end

goes_on_without_memory()
local firing = fire(100)
flush()
promote_all(100)
finish()
return keep(firing and 0 or until_next())
