-- A worker comes to life (contract: Liveness.enlist).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  worker
-- ARGV[4]  its name
-- ARGV[5]  ttl in ms
-- ARGV[6]  interval in ms
-- ARGV[7]  its queues, each with a newline before and after it
-- ARGV[8]  what people want to know of it, opaque
-- ARGV[9]  the id that it had before, or ''
--
-- Guard    no worker of that id has been here within the hour: its channel is unused.
-- Returns  now
-- Errors   STALECALL
--- @include parts/call
--- @include parts/command

local earlier = earlier_answer()
if earlier then return earlier end
local worker, former = ARGV[3], ARGV[9]
local key, channel = P .. 'worker:' .. worker, P .. 'ch:' .. worker
if redis.call('EXISTS', key, channel) > 0 then return redis.error_reply('STALECALL this worker has been here before') end

look('SCARD', P .. 'workers')
look('HLEN', P .. 'store')
look_at_worker(worker)
look_at_worker(former)

goes_on_without_memory()
redis.call('SADD', P .. 'workers', worker)
redis.call('HSET', key, 'name', ARGV[4], 'ttl', ARGV[5], 'interval', ARGV[6], 'queues', ARGV[7],
  'beat', NOW, 'since', NOW, 'started', NOW)
redis.call('SET', P .. 'info:' .. worker, ARGV[8])
redis.call('HSETNX', P .. 'store', 'schema', 1)
inherit(worker, former)
return keep(NOW)
