-- The names of all queues (contract: Control.queues). Reads only.
--
-- KEYS[1]  prefix
--
-- Returns  the names
--- @include parts/base

return redis.call('SMEMBERS', P .. 'queues')
