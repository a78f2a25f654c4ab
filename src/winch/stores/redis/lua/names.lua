-- The members of a set of names: all queues, or the paused ones (contract: Control.queues, Control.paused). Reads only.
--
-- KEYS[1]  prefix
-- ARGV[1]  "queues" or "paused"
--
-- Returns  the names
--- @include parts/base

return redis.call('SMEMBERS', P .. ARGV[1])
