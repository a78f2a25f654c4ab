-- Holds a group open, or takes a hold back (contract: Groups.hold_group and Groups.release_group).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  id
-- ARGV[4]  "1" to hold, "-1" to release
--
-- Guard    there is such a group. To hold is refused at maxmemory.
-- Returns  1
-- Errors   NOSUCHGROUP, STALECALL
--- @include parts/call
--- @include parts/groups

local earlier = earlier_answer()
if earlier then return earlier end
look_around()
local group, more = grouping().look(ARGV[3]), tonumber(ARGV[4])
if not group then return redis.error_reply('NOSUCHGROUP') end
count()

if more > 0 then needs_memory() else goes_on_without_memory() end
group.holds, group.is_changed = math.max(0, group.holds + more), true
if more < 0 then grouping().rest(group) end
finish()
return keep(1)
