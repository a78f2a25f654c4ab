-- The ids of all groups (contract: Groups.groups). Reads only.
--
-- KEYS[1]  prefix
--
-- Returns  the ids
--- @include parts/look

return look('ZRANGEBYSCORE', P .. 'groups', '(' .. string.format('%.0f', NOW), '+inf')
