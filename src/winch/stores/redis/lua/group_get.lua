-- Records of groups (contract: Groups.get_groups). Reads only.
--
-- KEYS[1]  prefix
-- ARGV[1 ...]  ids
--
-- Returns  now, then per id: 0 if unknown; else queue, payload, and the numbers in parts/groups
--- @include parts/groups

local answer = {NOW}
for n, id in ipairs(ARGV) do
  local kept = look('HMGET', P .. 'group:' .. id, 'queue', 'payload', unpack(grouping().numbers))
  local expires = tonumber(kept[5] or 0)
  answer[n + 1] = kept[1] and (expires == 0 or expires > NOW) and kept or 0
end
return answer
