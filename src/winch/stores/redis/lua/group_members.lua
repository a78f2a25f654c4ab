-- Members of a group (contract: Groups.members). Reads only.
--
-- KEYS[1]  prefix
-- ARGV[1]  id
-- ARGV[2], ARGV[3]  offset and limit
--
-- Returns  ids of jobs, in the order in which they joined
--- @include parts/look

local expires = tonumber(look('HGET', P .. 'group:' .. ARGV[1], 'expires') or 0)
if expires > 0 and expires <= NOW then return {} end
return look('ZRANGE', P .. 'members:' .. ARGV[1], ARGV[2], ARGV[2] + ARGV[3] - 1)
