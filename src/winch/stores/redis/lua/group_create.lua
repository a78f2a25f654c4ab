-- Creates a group without members (contract: Groups.create_group).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  id
-- ARGV[4]  ttl in ms, -1 is without end
-- ARGV[5], ARGV[6]  queue and payload of the job of its completion, "" for none
--
-- Guard    there is no group of that id, or it is completed. Refused at maxmemory.
-- Returns  now, when it was created, when it expires
-- Errors   DUPLICATEGROUP, STALECALL
--- @include parts/call
--- @include parts/groups

local ID, TTL = ARGV[3], tonumber(ARGV[4])

local earlier = earlier_answer()
if earlier then return earlier end
local old = grouping().look(ID)
if old and old.completed == 0 then return redis.error_reply('DUPLICATEGROUP') end
local before = tonumber(look('HGET', P .. 'group:' .. ID, 'created') or 0)

needs_memory()
redis.call('UNLINK', P .. 'group:' .. ID, P .. 'members:' .. ID)
redis.call('HSET', P .. 'group:' .. ID, 'queue', ARGV[5], 'payload', ARGV[6])
local group = {id = ID}
for _, name in ipairs(grouping().numbers) do group[name] = 0 end
group.created, group.ttl, group.expires = math.max(NOW, before + 1), TTL, TTL < 0 and 0 or NOW + TTL
grouping().write(group)
return keep({NOW, group.created, group.expires})
