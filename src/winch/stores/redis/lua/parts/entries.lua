-- The cron table: a set of names, and a hash per entry. Its version is a field of the store.
--- @include parts/counters
--- @include parts/hints

local function entry_key(name) return P .. 'entry:' .. name end

-- An entry without its schedule and template; nil if there is none. Before the first write.
local function read_entry(name)
  local kept = look('HMGET', entry_key(name), 'source', 'version', 'revision', 'paused', 'since', 'slot')
  if not kept[1] then return nil end
  return {name = name, source = kept[1], version = tonumber(kept[2]), revision = tonumber(kept[3]),
          paused = kept[4] == '1', since = tonumber(kept[5]), slot = tonumber(kept[6])}
end

-- A version that never was: as late as the clock, so that it does not come back when a server loses its last writes.
local function next_version()
  return math.max(NOW, tonumber(look('HGET', P .. 'store', 'cron') or 0) + 1)
end

local function change_entry(name, version, ...)
  redis.call('HSET', entry_key(name), 'revision', version, ...)
end

local function remove_entry(name)
  redis.call('DEL', entry_key(name))
  redis.call('SREM', P .. 'entries', name)
end

-- The last step of what changes the table: all supervisors look at it.
local function announce(version)
  redis.call('HSET', P .. 'store', 'cron', version)
  save_counters()
  hint_all_workers()
end
