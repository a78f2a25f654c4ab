-- Creates jobs that join the end of one queue at once, under ids that are new: all of them or none (contract: HotPath.enqueue).
-- What else may be asked for is `enqueue_any`'s. Every call makes a script's functions anew, which took half of the time when
-- this one shared those of `enqueue_any`: so it is written out, and has few.
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3 ...]  per job: its id, and the job packed (parts/new_job): without delay, parents and FRONT
--
-- Guard    no id is known. At maxmemory the whole call is refused.
-- Returns  now, and a string of the states as digits
-- Errors   KNOWN (call `enqueue_any`), DUPLICATE n (job n has the id of another), STALECALL
--- @include parts/call
--- @include parts/new_job

local earlier = earlier_answer()
if earlier then return earlier end
local keys, seen = {}, {}
for n = 3, #ARGV, 2 do
  if seen[ARGV[n]] then return redis.error_reply('DUPLICATE ' .. (n - 1) / 2) end
  seen[ARGV[n]], keys[#keys + 1] = true, P .. 'j:' .. ARGV[n]
end
if redis.call('EXISTS', unpack(keys)) > 0 then return redis.error_reply('KNOWN') end

local terms, size = string.byte(ARGV[4], 15, 16)
local queue = string.sub(ARGV[4], NEW_JOB_SIZE + terms + 1, NEW_JOB_SIZE + terms + size)
local queued, marker = P .. 'queued:' .. queue, P .. 'marker:' .. queue
local is_paused = look('SISMEMBER', P .. 'paused', queue) == 1
local is_known = look('SISMEMBER', P .. 'queues', queue) == 1
local kept = look('HMGET', P .. 'store', 'back', 'schema')
local back = tonumber(kept[1] or 0)

local entries, records = {}, {}
for n = 3, #ARGV, 2 do
  local packed = ARGV[n + 1]
  local flags, features, _, _, priority, has_terms, name, payload, meta, extra = struct.unpack(NEW_JOB, packed)
  back = back + 1
  local score = back - priority * 17592186044416 -- 2^44
  entries[#entries + 1], entries[#entries + 2] = score, ARGV[n]
  records[#records + 1] = struct.pack(HEADER, has_terms > 0 and WITH_TERMS or PLAIN, QUEUED, flags, features, 0, 0, 0,
    priority, 0, score, NOW, NOW, 0, name, payload, meta, extra, 0)
    .. string.sub(packed, NEW_JOB_SIZE + 1, NEW_JOB_SIZE + has_terms + name + payload + meta + extra)
end

-- The first write: refused at maxmemory, or if this is the wrong type of key, and then nothing has changed.
look('ZADD', queued, unpack(entries))
for n, record in ipairs(records) do redis.call('SET', keys[n], record) end
if not is_known then redis.call('SADD', P .. 'queues', queue) end
redis.call('HSET', P .. 'store', 'back', back)
if not kept[2] then redis.call('HSET', P .. 'store', 'schema', SCHEMA) end
if not is_paused and redis.call('EXISTS', marker) == 0 then redis.call('RPUSH', marker, 1) end
return keep({NOW, string.rep(QUEUED, #keys)})
