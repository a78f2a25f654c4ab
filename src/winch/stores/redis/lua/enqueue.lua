-- Creates jobs that join the end of one queue at once, under ids that are new: all of them or none (contract: HotPath.enqueue).
-- What else may be asked for is `enqueue_any`'s. Every call makes a script's functions anew, which took half of the time when
-- this one shared those of `enqueue_any`: so it is written out, and has few.
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3 ...]  per job: its id, and the job packed (parts/new_job): without delay, parents and FRONT; or SAME and its payload,
--              if the rest is as with the job before
--
-- Guard    no id is known. At maxmemory the whole call is refused.
-- Returns  now, and a string of the states as digits
-- Errors   KNOWN (call `enqueue_any`), DUPLICATE n (job n has the id of another), STALECALL
--- @include parts/call
--- @include parts/new_job

--- @constant SAME 255

local earlier = earlier_answer()
if earlier then return earlier end
local terms, size = string.byte(ARGV[4], 15, 16)
local queue = string.sub(ARGV[4], NEW_JOB_SIZE + terms + 1, NEW_JOB_SIZE + terms + size)
local queued, marker = P .. 'queued:' .. queue, P .. 'marker:' .. queue
local wants_marker = redis.call('EXISTS', marker) == 0
if wants_marker then
  local pauses = look('ZMSCORE', P .. 'paused', queue, '*')
  wants_marker = not (pauses[1] or pauses[2])
end
local is_known = look('SISMEMBER', P .. 'queues', queue) == 1
local kept = look('HMGET', P .. 'store', 'back', 'schema')
look('ZCARD', queued)
local back, seen = tonumber(kept[1] or 0), {}

-- A record is: head, score, times, length of the payload, lengths, before, payload, after.
local head, shift, lengths, before, after
local times = struct.pack('<I6I6I6', NOW, NOW, 0)

-- Takes from a job packed what those that follow it share, and returns its payload.
local function open(packed)
  local flags, features, _, _, priority, own_terms, name, payload, meta, extra = struct.unpack(NEW_JOB, packed)
  local start = NEW_JOB_SIZE + own_terms + name
  head = struct.pack('<BBBBI7I4I6hI2', own_terms > 0 and WITH_TERMS or PLAIN, QUEUED, flags, features, 0, 0, 0, priority, 0)
  shift = priority * 17592186044416 -- 2^44
  times = string.sub(times, 1, 18) .. string.char(name)
  lengths = struct.pack('<I4I4I4', meta, extra, 0)
  before = string.sub(packed, NEW_JOB_SIZE + 1, start)
  after = string.sub(packed, start + payload + 1, start + payload + meta + extra)
  return string.sub(packed, start + 1, start + payload)
end

local entries, records = {}, {}
for n = 3, #ARGV, 2 do
  local id, packed = ARGV[n], ARGV[n + 1]
  if seen[id] then return redis.error_reply('DUPLICATE ' .. (n - 1) / 2) end
  seen[id], back = true, back + 1
  local payload = string.byte(packed) == SAME and string.sub(packed, 2) or open(packed)
  local score = back - shift
  entries[n - 2], entries[n - 1] = score, id
  records[n - 2] = P .. 'j:' .. id
  records[n - 1] = head .. struct.pack('<dc0I4', score, times, #payload) .. lengths .. before .. payload .. after
end

-- The first write: refused at maxmemory, or if a job is known, and then nothing has changed.
if redis.call('MSETNX', unpack(records)) == 0 then return redis.error_reply('KNOWN') end
redis.call('ZADD', queued, unpack(entries))
if not is_known then redis.call('SADD', P .. 'queues', queue) end
redis.call('HSET', P .. 'store', 'back', back)
if not kept[2] then redis.call('HSET', P .. 'store', 'schema', SCHEMA) end
if wants_marker then redis.call('RPUSH', marker, '1') end
return keep({NOW, string.rep(QUEUED, #records / 2)})
