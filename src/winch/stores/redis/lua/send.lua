-- Gives a worker a command (contract: Control.send).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  worker
-- ARGV[4]  name of the command
--
-- Guard    the worker is enlisted, and has fewer than COMMANDS commands to acknowledge.
-- Returns  the number of the command
-- Errors   NOTENLISTED, TOOMANY, STALECALL
--- @include parts/call
--- @include parts/command
--- @constant COMMANDS 1000

local earlier = earlier_answer()
if earlier then return earlier end
if redis.call('EXISTS', P .. 'worker:' .. ARGV[3]) == 0 then return redis.error_reply('NOTENLISTED') end

look_at_worker(ARGV[3])
if redis.call('ZCARD', P .. 'commands:' .. ARGV[3]) >= COMMANDS then return redis.error_reply('TOOMANY') end

goes_on_without_memory()
return keep(command(ARGV[3], ARGV[4], 0, ''))
