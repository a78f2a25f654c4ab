-- Creates jobs that join the end of one queue at once, under ids that are new: all of them or none (contract: HotPath.enqueue).
-- Whatever else it meets is `enqueue_any`'s, which gets the same call and says what is wrong. Every call makes a script's
-- functions and tables anew, and looks up all that it shares: so this one is written out, and the client packs the records.
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  queue
-- ARGV[4]  priority of all
-- ARGV[5]  what their records begin with, up to `score`
-- ARGV[6 ...]  per job: its id, no two alike, and its record: from `due` on, which begins with a zero; or whole, if it is long
--
-- Guard    the call is new, no id is known, and no key is of a wrong type. At maxmemory the whole call is refused.
-- Returns  now, and a string of the states as digits
-- Errors   UNUSUAL (call `enqueue_any`), and those of the server
--- @include parts/call
--- @include parts/record

local QUEUE, HEAD = ARGV[3], ARGV[5]
local kept = redis.call('GET', CALL)
if kept and struct.unpack('<i8', kept) >= NUMBER then return redis.error_reply('UNUSUAL') end
local queued, marker = P .. 'queued:' .. QUEUE, P .. 'marker:' .. QUEUE
redis.call('ZCARD', queued)
local is_known, wants_marker = redis.call('EXISTS', marker) == 1, false -- a queue that has a marker is known
if not is_known then
  local pauses = redis.call('ZMSCORE', P .. 'paused', QUEUE, '*')
  is_known, wants_marker = redis.call('SISMEMBER', P .. 'queues', QUEUE) == 1, not (pauses[1] or pauses[2])
end

-- The first write, which is refused at maxmemory. That numbers are left out does no harm.
local count = (#ARGV - 5) / 2
local back = redis.call('HINCRBY', P .. 'store', 'back', count)
local score = back - count - ARGV[4] * 17592186044416 -- 2^44
local times, entries, records, long = struct.pack('<I6I6', NOW, NOW), {}, {}, {}
for n = 6, #ARGV, 2 do
  score = score + 1
  local record, place = ARGV[n + 1], struct.pack('<d', score)
  if string.byte(record) == 0 then record = HEAD .. place .. times .. record else long[n - 5] = place .. times end
  entries[n - 5], entries[n - 4] = score, ARGV[n]
  records[n - 5], records[n - 4] = P .. 'j:' .. ARGV[n], record
end
if redis.call('MSETNX', unpack(records)) == 0 then return redis.error_reply('UNUSUAL') end
for n, middle in pairs(long) do redis.call('SETRANGE', records[n], #HEAD, middle) end
if next(long) then redis.call('HSET', P .. 'store', 'long', 1) end
redis.call('ZADD', queued, unpack(entries))
if not is_known then redis.call('SADD', P .. 'queues', QUEUE) end
if back == count then redis.call('HSET', P .. 'store', 'schema', SCHEMA) end -- the first jobs of a server that lost its data
if wants_marker then redis.call('RPUSH', marker, '1') end
return keep({NOW, string.rep(QUEUED, count)})
