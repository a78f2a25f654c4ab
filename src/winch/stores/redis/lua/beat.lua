-- A worker says that it lives; the dead are rescued, markers renewed, leftovers removed (contract: Liveness.beat).
--
-- KEYS[1]  prefix
-- ARGV[1]  worker, the channel of its beats
-- ARGV[2]  number of the beat
-- ARGV[3]  commands up to this number are acknowledged
-- ARGV[4]  how many executors follow
-- ARGV[5 ...]  executors that live, then workers whose process is known to be gone
--
-- Guard    the worker is enlisted. It judges others only if it has beaten regularly for its own ttl (rule 25).
-- Returns  now, strays, commands as stored, earliest due of its queues (ms, -1 none), rescued workers,
--          1 if more is to be removed (`trim`)
-- Errors   NOTENLISTED, STALECALL
--- @include parts/call
--- @include parts/dismiss
--- @include parts/fire
--- @include parts/promote
--- @include parts/upkeep

local WORKER, EXECUTORS = ARGV[1], tonumber(ARGV[4])

local function vitals(worker)
  local kept = redis.call('HMGET', P .. 'worker:' .. worker, 'beat', 'since', 'ttl', 'interval', 'queues')
  return {id = worker, beat = tonumber(kept[1] or 0), since = tonumber(kept[2] or 0), ttl = tonumber(kept[3] or 0),
          interval = tonumber(kept[4] or 0), queues = kept[5] or ''}
end

-- Writes the beat. Returns since when this worker has beaten without a gap.
local function beat(me)
  local gap = NOW - me.beat > 2 * me.interval or me.since > NOW
  local since = gap and NOW or me.since
  redis.call('HSET', P .. 'worker:' .. me.id, 'beat', NOW, 'since', since)
  return since
end

-- Those to rescue, in order: known to be gone, or silent for longer than their ttl if this worker may judge.
local function dead(others, may_judge)
  local found, gone = {}, {}
  for n = 5 + EXECUTORS, #ARGV do gone[ARGV[n]] = true end
  for _, other in ipairs(others) do
    if other.beat > NOW then redis.call('HSET', P .. 'worker:' .. other.id, 'beat', NOW) end
    if gone[other.id] or (may_judge and NOW - other.beat > other.ttl) then found[#found + 1] = other.id end
  end
  table.sort(found)
  return found
end

local function strays()
  local named, found = {}, {}
  for n = 5, 4 + EXECUTORS do named[ARGV[n]] = true end
  for _, executor in ipairs(redis.call('LRANGE', P .. 'crew:' .. WORKER, 0, -1)) do
    if not named[executor] then found[#found + 1] = executor end
  end
  return found
end

local function names(lines)
  local found = {}
  for name in string.gmatch(lines, '[^\n]+') do found[#found + 1] = name end
  return found
end

if redis.call('EXISTS', P .. 'worker:' .. WORKER) == 0 then return redis.error_reply('NOTENLISTED') end
local earlier = earlier_answer()
if earlier then return earlier end
local me, others = vitals(WORKER), {}
for _, worker in ipairs(redis.call('SMEMBERS', P .. 'workers')) do
  if worker ~= WORKER then others[#others + 1] = vitals(worker) end
end

goes_on_without_memory()
redis.call('ZREMRANGEBYSCORE', P .. 'commands:' .. WORKER, '-inf', ARGV[3])
local rescued = dead(others, NOW - beat(me) >= me.ttl)
for _, worker in ipairs(rescued) do dismiss_worker(worker, true) end
fire(100)
flush()
promote_all(100)
local queues = redis.call('SMEMBERS', P .. 'queues')
local may_be_more = prune(queues, 100) == 0 and 1 or 0
for _, queue in ipairs(queues) do touched[queue] = true end
finish()
sample(queues)
local _, next_due = timers_of(names(me.queues))
return keep({NOW, strays(), redis.call('ZRANGE', P .. 'commands:' .. WORKER, 0, -1), next_due, rescued, may_be_more})
