-- Writes entries of the cron table: all of them or none (contract: Control.put_entries).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  source
-- ARGV[4]  version of its set
-- ARGV[5]  "1" to remove its other entries
-- ARGV[6 ...]  per entry: name, schedule, template
--
-- Guard    no name belongs to another source, no entry of this one to a higher version. At maxmemory the call is refused.
-- Returns  1; 0 for a lower version; position and source of an entry that is another's (then the call has no number)
-- Errors   STALECALL
--- @include parts/call
--- @include parts/entries

local SOURCE, SET, WHOLE = ARGV[3], tonumber(ARGV[4]), ARGV[5] == '1'

local function create(name, schedule, template, version)
  change_entry(name, version, 'source', SOURCE, 'version', SET, 'schedule', schedule, 'template', template, 'paused', 0,
    'created', NOW, 'since', NOW, 'slot', 0, 'job', '')
  redis.call('SADD', P .. 'entries', name)
end

-- Whether the entry is another one then.
local function update(entry, schedule, template, version)
  local kept = redis.call('HMGET', entry_key(entry.name), 'schedule', 'template')
  if entry.version ~= SET then redis.call('HSET', entry_key(entry.name), 'version', SET) end
  if kept[1] == schedule and kept[2] == template then return false end
  if kept[1] ~= schedule then redis.call('HSET', entry_key(entry.name), 'since', NOW) end
  change_entry(entry.name, version, 'schedule', schedule, 'template', template)
  return true
end

local earlier = earlier_answer()
if earlier then return earlier end
count()
local known, named, version = {}, {}, next_version()
for n = 6, #ARGV, 3 do
  local entry = read_entry(ARGV[n])
  if entry and entry.source ~= SOURCE then return {n / 3 - 2, entry.source} end
  named[ARGV[n]] = true
end
for _, name in ipairs(look('SMEMBERS', P .. 'entries')) do
  known[name] = read_entry(name)
  if known[name] and known[name].source == SOURCE and known[name].version > SET then return keep(0) end
end

needs_memory()
local is_changed = false
for n = 6, #ARGV, 3 do
  local entry = known[ARGV[n]]
  if not entry then create(ARGV[n], ARGV[n + 1], ARGV[n + 2], version) end
  if not entry or update(entry, ARGV[n + 1], ARGV[n + 2], version) then is_changed = true end
end
for name, entry in pairs(WHOLE and known or {}) do
  if entry.source == SOURCE and not named[name] then
    remove_entry(name)
    is_changed = true
  end
end
if is_changed then announce(version) end
return keep(1)
