-- A job to create, as the client packs it, from ARGV[3] on: its id, and
--
--   flags features delay number-of-parents priority | lengths of terms queue payload meta extra | these segments |
--   length and id of each parent, or with FAILED_BEFORE its error
--
--   terms  as in its record; empty if they are the default
--- @include parts/look

-- a flag of its own: it has failed elsewhere
--- @constant FAILED_BEFORE 32

--- @constant NEW_JOB '<BBI8I2hBBI4I4I4'
--- @constant NEW_JOB_SIZE 28

local function parents_of(packed, at, count)
  local parents = {}
  for n = 1, count do parents[n], at = struct.unpack('<Bc0', packed, at) end
  return parents
end

local function unpack_job(id, packed)
  local flags, features, delay, parents, priority, terms, queue, payload, meta, extra = struct.unpack(NEW_JOB, packed)
  local max_crashes, ttl, result_ttl, failure_ttl = MAX_CRASHES, 0, RESULT_TTL, FAILURE_TTL
  local start = NEW_JOB_SIZE + terms
  if terms > 0 then max_crashes, ttl, result_ttl, failure_ttl = struct.unpack(TERMS, packed, NEW_JOB_SIZE + 1) end
  local body = start + queue + payload + meta + extra
  return {
    id = id, flags = flags, features = features, token = 0, seat = 0, started = 0, attempts = 0, fails = 0, crashes = 0,
    max_crashes = max_crashes, priority = priority, reason = 0, pending = 0, score = 0, created = NOW, enqueued = 0,
    ended = 0, due = delay > 0 and NOW + delay or 0, ttl = ttl, result_ttl = result_ttl, failure_ttl = failure_ttl,
    payload_size = payload, meta_size = meta, extra_size = extra,
    queue = string.sub(packed, start + 1, start + queue), body = string.sub(packed, start + 1, body),
    result = '', history = '', error = has(flags, FAILED_BEFORE) and string.sub(packed, body + 1) or nil,
    parents = parents > 0 and parents_of(packed, body + 1, parents) or nil,
  }
end

-- Whether any of these ids has a record: in the common case one look for all.
local function any_known()
  local keys = {}
  for n = 3, #ARGV, 2 do keys[#keys + 1] = record_key(ARGV[n]) end
  return redis.call('EXISTS', unpack(keys)) > 0
end

-- Before the first write: what jobs need that join a queue or its schedule.
local function look_at_queues(jobs)
  local queued, scheduled = {}, {}
  look('ZCARD', P .. 'paused')
  look('SCARD', P .. 'queues')
  for _, job in ipairs(jobs) do
    local seen, family = queued, 'queued:'
    if job.due > 0 then seen, family = scheduled, 'scheduled:' end
    if not seen[job.queue] then
      seen[job.queue] = true
      look('ZCARD', P .. family .. job.queue)
    end
  end
  if next(scheduled) then look('ZCARD', P .. 'due') end
end

local function add_to_queues(jobs)
  local seen = {}
  for _, job in ipairs(jobs) do
    if not seen[job.queue] then
      seen[job.queue] = true
      redis.call('SADD', P .. 'queues', job.queue)
    end
  end
end
