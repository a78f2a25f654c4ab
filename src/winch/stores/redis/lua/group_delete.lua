-- Removes a group; its jobs stay (contract: Groups.delete_group).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  id
--
-- Returns  1 if there was one, else 0
-- Errors   STALECALL
--- @include parts/call
--- @include parts/groups

local ID = ARGV[3]

local earlier = earlier_answer()
if earlier then return earlier end
local group = grouping().look(ID)

goes_on_without_memory()
redis.call('UNLINK', P .. 'group:' .. ID, P .. 'members:' .. ID)
redis.call('ZREM', P .. 'groups', ID)
redis.call('PUBLISH', P .. 'complete:' .. ID, 1)
return keep(group and 1 or 0)
