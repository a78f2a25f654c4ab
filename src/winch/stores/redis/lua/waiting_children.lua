-- Those who wait for the next end of a job (contract: Control.children). Reads only.
--
-- KEYS[1]  prefix
-- ARGV[1]  id
-- ARGV[2]  how many of the set to pass over
-- ARGV[3]  how many to look at
--
-- Returns  how many were looked at, ids: without those that are no children any more
--- @include parts/record

local members = redis.call('ZRANGE', P .. 'children:' .. ARGV[1], ARGV[2], ARGV[2] + ARGV[3] - 1, 'WITHSCORES')
local waiting = {}
for n = 1, #members, 2 do
  local child = read(members[n])
  if child and child.state == DEFERRED and child.token == tonumber(members[n + 1]) then
    waiting[#waiting + 1] = members[n]
  end
end
return {#members / 2, waiting}
