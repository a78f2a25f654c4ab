-- The schema of the store, which is made if it is asked for (contract: Store.open).
--
-- KEYS[1]  prefix
-- ARGV[1]  "1" to make it if there is none
--
-- Returns  schema (0: there is no store), 1 if it has been made now
--- @include parts/counters

local schema = redis.call('HGET', P .. 'store', 'schema')
if schema then return {tonumber(schema), 0} end
if ARGV[1] ~= '1' then return {0, 0} end
redis.call('HSET', P .. 'store', 'schema', SCHEMA)
return {SCHEMA, 1}
