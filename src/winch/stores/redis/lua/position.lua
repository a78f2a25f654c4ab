-- A queued job's place in its queue (contract: Control.position). Reads only.
--
-- KEYS[1]  prefix
-- ARGV[1]  id
--
-- Returns  the place, -1 if it is not queued
--- @include parts/indexes

local job = read(ARGV[1])
if not job or job.state ~= QUEUED then return -1 end
local rank = redis.call('ZRANK', index_of(job), job.id)
if not rank then return -1 end
if has(job.flags, SUSPECT) then return rank end
return rank + redis.call('ZCARD', P .. 'suspects:' .. job.queue)
