-- The indexes: one sorted set per queue and state, and who holds what. Changes gather and are written by `flush`.
--- @include parts/look
--- @include parts/counters
--- @include parts/hints
--- @include parts/pauses

-- how long a record that cannot be read is listed: a year
--- @constant DAMAGED_MS 31536000000

local changes = {}  -- key of a sorted set -> id -> score, or false to remove
local holds = {}    -- executor -> id -> whether it holds the job
local touched = {}  -- queues that may have new work
local timers = {}   -- queues whose earliest due time may have changed
local seated = {}   -- seat -> executor
local freed = {}    -- jobs with limits that have left a state; `returns` if their tokens go back
local grouper       -- of parts/groups, once it is made

local function change(key, id, score)
  local ids = changes[key]
  if not ids then
    ids = {}
    changes[key] = ids
  end
  ids[id] = score
end

local function hold(executor, id, holds_it)
  local ids = holds[executor]
  if not ids then
    ids = {}
    holds[executor] = ids
  end
  ids[id] = holds_it
end

-- Records that cannot be read: out of their index, and listed as failed (rule 11). The record itself stays as it is.
local function damaged(id, index, queue)
  change(index, id, false)
  if index == P .. 'scheduled:' .. queue then timers[queue] = true end
  local _, unreadable = read(id)
  if unreadable then change(P .. 'failed:' .. queue, id, NOW + DAMAGED_MS) end
end

-- The key of the one state index that a job is in. Suspects wait in a set of their own.
local function index_of(job)
  if job.state == QUEUED and has(job.flags, SUSPECT) then return P .. 'suspects:' .. job.queue end
  return P .. STATES[job.state] .. job.queue
end

local function score_in_index(job)
  if job.state == QUEUED or job.state == BLOCKED then return job.score end
  if job.state == STARTED or job.state == DEFERRED then return job.token end
  if job.state > STARTED and job.due == 0 then return '+inf' end
  return text_of(job.due)
end

local function executor_at(seat)
  if seated[seat] == nil then seated[seat] = redis.call('HGET', P .. 'seats', seat) end
  return seated[seat]
end

-- Seat and worker of an executor, nil if it is not enlisted.
local function enlistment(executor)
  local kept = look('HGET', P .. 'x:' .. executor, '')
  if not kept then return nil end
  return struct.unpack(PLACE, kept)
end

-- The executor that holds a started job, and its worker.
local function holder_of(job)
  local executor = executor_at(job.seat)
  local _, worker = enlistment(executor or '')
  return executor, worker
end

-- Takes a claim away from who holds it.
local function let_go(job)
  local executor = executor_at(job.seat)
  if executor then
    hold(executor, job.id, false)
    if has(job.flags, SUSPECT) then
      local _, worker = enlistment(executor)
      if worker then redis.call('HDEL', P .. 'worker:' .. worker, 'suspect') end
    end
  end
  job.flags = without(job.flags, BEGUN)
end

-- Out of the index it is in; a job that is not stored yet has no state.
local function leave(job)
  if not job.state then return end
  change(index_of(job), job.id, false)
  if has(job.features, LIMITED) and job.state >= BLOCKED and job.state <= STARTED then freed[#freed + 1] = job end
  if job.state == STARTED then let_go(job) elseif job.state == SCHEDULED then timers[job.queue] = true end
  job.token, job.seat = 0, 0
end

-- Into the index of a state, with its record.
local function enter(job, state)
  job.state = state
  change(index_of(job), job.id, score_in_index(job))
  if state == QUEUED then touched[job.queue] = true elseif state == SCHEDULED then timers[job.queue] = true end
  write(job)
end

local function each_chunk(command, key, items)
  for first, last in chunks(items, 1000) do redis.call(command, key, unpack(items, first, last)) end
end

local function flush_hash(key, fields)
  local gone, come = {}, {}
  for id, is_held in pairs(fields) do
    if is_held then
      come[#come + 1] = id
      come[#come + 1] = ''
    else
      gone[#gone + 1] = id
    end
  end
  each_chunk('HDEL', key, gone)
  each_chunk('HSET', key, come)
end

local function flush_index(key, ids)
  local gone, come = {}, {}
  for id, score in pairs(ids) do
    if score then
      come[#come + 1] = score
      come[#come + 1] = id
    else
      gone[#gone + 1] = id
    end
  end
  each_chunk('ZREM', key, gone)
  each_chunk('ZADD', key, come)
  if #come > 0 and string.find(key, P .. 'suspects:', 1, true) then redis.call('HSET', P .. 'store', 'suspects', 1) end
end

-- Keeps the earliest due time of a queue, of jobs or tokens; an earlier one than before wakes the supervisors.
local function set_timer(queue)
  local due = tonumber(redis.call('ZRANGE', P .. 'scheduled:' .. queue, 0, 0, 'WITHSCORES')[2])
  local token = tonumber(redis.pcall('ZRANGE', P .. 'waits:' .. queue, 0, 0, 'WITHSCORES')[2])
  due = math.min(due or math.huge, token or math.huge)
  local before = tonumber(redis.call('ZSCORE', P .. 'due', queue) or nil)
  if due == before then return end
  if due == math.huge then
    if before then redis.call('ZREM', P .. 'due', queue) end
    return
  end
  redis.call('ZADD', P .. 'due', due, queue)
  if not before or due < before then hint_workers_of(queue) end
end

-- Writes the changes that have gathered, so that they can be read.
local function flush()
  local indexes, claims, queues = changes, holds, timers
  changes, holds, timers = {}, {}, {}
  for key, ids in pairs(indexes) do flush_index(key, ids) end
  for executor, ids in pairs(claims) do flush_hash(P .. 'x:' .. executor, ids) end
  for queue in pairs(queues) do set_timer(queue) end
end

-- The marker of a queue, pushed if it is absent and the queue has work that may be claimed (rule 29). None is pushed for one
-- in trouble: whom it wakes would find nothing to claim, and push it again.
local function mark(queue)
  if troubled[queue] or redis.call('EXISTS', P .. 'marker:' .. queue) == 1 then return end
  if redis.call('EXISTS', P .. 'queued:' .. queue, P .. 'suspects:' .. queue) == 0 then return end
  if is_paused(queue) then return end
  redis.call('RPUSH', P .. 'marker:' .. queue, 1)
end

-- What a pause has held back, and may be claimed now.
local function touch(paused)
  if paused ~= ALL then
    touched[paused] = true
  else
    for _, queue in ipairs(redis.call('SMEMBERS', P .. 'queues')) do touched[queue] = true end
  end
end

-- Ends the pauses whose time is over.
local function lift()
  if not end_of_pause or end_of_pause > NOW then return end
  for _, paused in ipairs(redis.call('ZRANGEBYSCORE', P .. 'paused', '-inf', NOW)) do
    redis.call('ZREM', P .. 'paused', paused)
    touch(paused)
  end
  look_at_pauses()
end

--- @include parts/limits

-- The markers of many queues. Where all have theirs, or none has work, nothing is to be done for any.
local function mark_all(queues)
  for first, last in chunks(queues, GROUP) do
    if existing('marker:', queues, first, last) <= last - first
      and existing('queued:', queues, first, last) + existing('suspects:', queues, first, last) > 0 then
      for n = first, last do mark(queues[n]) end
    end
  end
end

-- The last step of every script that moves jobs.
local function finish()
  if grouper then grouper.save() end
  flush()
  release_all()
  save_counters()
  for queue in pairs(touched) do mark(queue) end
end
