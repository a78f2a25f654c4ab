-- Removes an entry of the cron table (contract: Control.remove_entry).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  name
--
-- Returns  1, or 0 if there is none
-- Errors   STALECALL
--- @include parts/call
--- @include parts/entries

local earlier = earlier_answer()
if earlier then return earlier end
count()
look('SCARD', P .. 'entries')
local version = next_version()
if not read_entry(ARGV[3]) then return keep(0) end

goes_on_without_memory()
remove_entry(ARGV[3])
announce(version)
return keep(1)
