-- Fires, lifts and promotes over all queues (contract: Liveness.promote).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
--
-- Returns  milliseconds until the next due job or end of a pause (0: there is more to do now), -1 if there is none
-- Errors   STALECALL
--- @include parts/call
--- @include parts/fire
--- @include parts/promote

local function until_next()
  if #queues_due() > 0 then return 0 end
  local due = redis.call('ZRANGEBYSCORE', P .. 'due', '(' .. NOW, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
  return or_end_of_pause(due and tonumber(due) - NOW or -1)
end

local earlier = earlier_answer()
if earlier then return earlier end
look_around()
look_at_pauses()
count()

goes_on_without_memory()
local firing = fire(100)
flush()
lift()
promote_all(100)
finish()
return keep(firing and 0 or until_next())
