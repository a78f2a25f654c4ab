-- A worker says that it lives; the dead are rescued, markers renewed, leftovers removed (contract: Liveness.beat).
--
-- KEYS[1]  prefix
-- ARGV[1]  worker, the channel of its beats
-- ARGV[2]  number of the beat
-- ARGV[3]  commands up to this number are acknowledged
-- ARGV[4]  1 if the worker claims nothing
-- ARGV[5]  how many executors follow
-- ARGV[6 ...]  executors that live, then workers whose process is known to be gone
--
-- Guard    the worker is enlisted. It judges others only if it has beaten regularly for its own ttl (rule 25).
--          Queues in trouble are passed over, and workers that hold jobs of them: a beat comes for all others, too.
-- Returns  now, strays, commands as stored, earliest due of its queues (ms, -1 none), rescued workers,
--          1 if more is to be removed (`trim`), what is wrong with keys of queues, version of the cron table
-- Errors   NOTENLISTED, STALECALL
--- @include parts/call
--- @include parts/command
--- @include parts/dismiss
--- @include parts/fire
--- @include parts/promote
--- @include parts/upkeep

local WORKER, EXECUTORS = ARGV[1], tonumber(ARGV[5])
local told = {}  -- troubles

local function vitals(worker)
  local kept = look('HMGET', P .. 'worker:' .. worker, 'beat', 'since', 'ttl', 'interval', 'queues')
  return {id = worker, beat = tonumber(kept[1] or 0), since = tonumber(kept[2] or 0), ttl = tonumber(kept[3] or 0),
          interval = tonumber(kept[4] or 0), queues = kept[5] or ''}
end

-- Since when this worker has beaten without a gap, with this beat.
local function since(me)
  local gap = NOW - me.beat > 2 * me.interval or me.since > NOW
  return gap and NOW or me.since
end

local function beat(me, others)
  redis.call('HSET', P .. 'worker:' .. me.id, 'beat', NOW, 'since', since(me), 'quiet', ARGV[4])
  for _, other in ipairs(others) do
    if other.beat > NOW then redis.call('HSET', P .. 'worker:' .. other.id, 'beat', NOW) end
  end
end

-- Those to rescue, in order: known to be gone, or silent for longer than their ttl if this worker may judge.
local function dead(others, may_judge)
  local found, gone = {}, {}
  for n = 6 + EXECUTORS, #ARGV do gone[ARGV[n]] = true end
  for _, other in ipairs(others) do
    if gone[other.id] or (may_judge and NOW - other.beat > other.ttl) then found[#found + 1] = other.id end
  end
  table.sort(found)
  return found
end

-- Of those to rescue the ones that can be, and what they leave.
local function look_at_dead(workers)
  local rescued, leaving = {}, {}
  for _, worker in ipairs(workers) do
    local is_well, left = pcall(look_at_leaving, worker)
    if is_well then
      rescued[#rescued + 1], leaving[#leaving + 1] = worker, left
    else
      told[type(left) == 'table' and left.err or left] = true
    end
  end
  return rescued, leaving
end

-- What is wrong with keys: a few of them are enough to tell.
local function troubles()
  local found = {}
  for _, trouble in pairs(troubled) do told[trouble] = true end
  for trouble in pairs(told) do found[#found + 1] = trouble end
  table.sort(found)
  return {unpack(found, 1, math.min(#found, 10))}
end

-- A queue that is in trouble, or the limits of whose next job are.
local function look_at_head(queue)
  local id = is_sound(queue) and redis.call('ZRANGE', P .. 'queued:' .. queue, 0, 0)[1]
  local job = id and read(id)
  if not job or not has(job.features, LIMITED) then return end
  local is_well, trouble = pcall(limiting().look, job)
  if not is_well then troubled[queue] = trouble end
end

local function strays()
  local named, found = {}, {}
  for n = 6, 5 + EXECUTORS do named[ARGV[n]] = true end
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
for _, worker in ipairs(look('SMEMBERS', P .. 'workers')) do
  if worker ~= WORKER then others[#others + 1] = vitals(worker) end
end

look_around()
look_at_pauses()
look_at_worker(WORKER)
look_at_rows()
count()
local queues, own = look('SMEMBERS', P .. 'queues'), names(me.queues)
for _, queue in ipairs(own) do look_at_head(queue) end
local rescued, leaving = look_at_dead(dead(others, NOW - since(me) >= me.ttl))

goes_on_without_memory()
redis.call('ZREMRANGEBYSCORE', P .. 'commands:' .. WORKER, '-inf', ARGV[3])
beat(me, others)
for _, each in ipairs(leaving) do dismiss_worker(each, true) end
fire(100)
flush()
lift()
promote_all(100)
for _, queue in ipairs(queues) do repair_limits(queue) end
local may_be_more = prune(queues, 100) == 0 and 1 or 0
prune_groups(100)
for _, queue in ipairs(queues) do touched[queue] = true end
finish()
note_suspects(queues)
sample(queues)
local _, next_due = timers_of(own)
local cron = tonumber(redis.call('HGET', P .. 'store', 'cron') or 0)
return keep({NOW, strays(), commands_to(WORKER), next_due, rescued, may_be_more, troubles(), cron})
