-- What every script starts with: the prefix of all keys, and the time.
--
-- KEYS[1]  the prefix "{namespace}:". Every other key is built from it and lies in the same hash slot.

--- @constant P KEYS[1]
--- @constant SCHEMA 1

local CLOCK = redis.call('TIME')
local MICROS = CLOCK[1] * 1000000 + CLOCK[2]
local NOW = math.floor(MICROS / 1000)
