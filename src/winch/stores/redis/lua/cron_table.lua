-- The cron table (contract: Control.cron_table). Reads only.
--
-- KEYS[1]  prefix
--
-- Returns  now, version, entries: name, source, version, schedule, template, revision, paused, created, since, slot, job
--- @include parts/base

local FIELDS = {'source', 'version', 'schedule', 'template', 'revision', 'paused', 'created', 'since', 'slot', 'job'}

local entries = {}
for _, name in ipairs(redis.call('SMEMBERS', P .. 'entries')) do
  local kept = redis.call('HMGET', P .. 'entry:' .. name, unpack(FIELDS))
  if kept[1] then entries[#entries + 1] = {name, unpack(kept)} end
end
return {NOW, tonumber(redis.call('HGET', P .. 'store', 'cron') or 0), entries}
