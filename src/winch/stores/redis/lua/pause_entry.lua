-- Pauses an entry of the cron table, or resumes it (contract: Control.pause_entry).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  name
-- ARGV[4]  "1" to pause, "0" to resume
--
-- Returns  1, or 0 if there is none
-- Errors   STALECALL
--- @include parts/call
--- @include parts/entries

local PAUSE = ARGV[4] == '1'

local earlier = earlier_answer()
if earlier then return earlier end
count()
local version, entry = next_version(), read_entry(ARGV[3])
if not entry then return keep(0) end
if entry.paused == PAUSE then return keep(1) end

goes_on_without_memory()
change_entry(entry.name, version, 'paused', ARGV[4], 'since', PAUSE and entry.since or NOW)
announce(version)
return keep(1)
