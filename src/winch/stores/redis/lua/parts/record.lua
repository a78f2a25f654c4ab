-- A job's record: one string of a fixed header and five segments (docs/decisions/001-record-layout.md).
--
--   version state flags features token seat started | attempts fails crashes max_crashes priority reason pending |
--   score created enqueued ended due ttl result_ttl failure_ttl | lengths of queue payload meta extra result
--   queue payload meta extra result history
--
-- A claim rewrites the first group, a settle the whole. `records.py` reads the same format.
--
--   token  of the claim while started; while deferred the number of this incarnation, which its parents know
--   seat   the number of the executor that holds it (hash `seats`)
--   due    when it is due while it waits; when it expires once it has ended; 0 is never
--   extra  its callbacks (event, length, payload); or, of a callback job, id and record of its parent
--- @include parts/base

--- @constant VERSION 1
--- @constant HEADER '<BBBBI7I4I6 I4I4I2I2hBI2 dI6I6I6I6I6i6i6 BI4I4I4I4'
--- @constant SIZE 105
-- the part that a claim rewrites, from the second byte on:
--- @constant CLAIM '<BBBI7I4I6'

-- states, in the order of winch.states.JobStatus
--- @constant SCHEDULED 0
--- @constant DEFERRED 1
--- @constant BLOCKED 2
--- @constant QUEUED 3
--- @constant STARTED 4
--- @constant FINISHED 5
--- @constant FAILED 6
--- @constant CANCELED 7
--- @constant STOPPED 8
local STATES = {[0] = 'scheduled:', 'deferred:', 'blocked:', 'queued:', 'started:',
                'finished:', 'failed:', 'canceled:', 'stopped:'}

-- flags; from POLICY on two bits say what becomes of it when a parent does not finish
--- @constant SUSPECT 1
--- @constant BEGUN 2
--- @constant FRONT 4
--- @constant POLICY 8
--- @constant CANCEL 0
--- @constant WAIT 1
--- @constant RUN 2

-- features: what only some jobs have
--- @constant CALLBACKS 1
--- @constant CHILDREN 2
--- @constant WAITER 4
--- @constant PARENT 8
--- @constant FIRING 16

-- positions in winch.states.REASONS
--- @constant CRASHED 3
--- @constant DEPENDENCY 6
--- @constant STOP_ASKED 7
--- @constant EXPIRED 8
-- positions in contract.OutcomeKind
--- @constant KIND_FINISHED 0
--- @constant KIND_FAILED 1
--- @constant KIND_RETRY 2
--- @constant KIND_RETURNED 3
--- @constant KIND_STOPPED 4

--- @inline has (bit.band(\1, \2) ~= 0)
--- @inline with bit.bor(\1, \2)
--- @inline without bit.band(\1, bit.bnot(\2))
local function has(bits, bit_) return bit.band(bits, bit_) ~= 0 end
local function with(bits, bit_) return bit.bor(bits, bit_) end
local function without(bits, bit_) return bit.band(bits, bit.bnot(bit_)) end
local function policy(job) return math.floor(job.flags / POLICY) end

local function record_key(id) return P .. 'j:' .. id end

-- Where the body of a stored value ends, and the sizes of its payload and its queue's name. Nil if it is no record, or a
-- damaged one.
local function body_of(raw)
  if type(raw) ~= 'string' or #raw < SIZE or string.byte(raw) ~= VERSION then return nil end
  local queue, payload, meta, extra, result = struct.unpack('<BI4I4I4I4', raw, 89)
  local body = SIZE + queue + payload + meta + extra
  if #raw >= body + result then return body, payload, queue end
end

-- A record as a table. `body` is queue, payload, meta and extra. Nil if it is damaged.
local function decode(id, raw)
  if #raw < SIZE or string.byte(raw) ~= VERSION then return nil end
  local _, state, flags, features, token, seat, started, attempts, fails, crashes, max_crashes, priority, reason,
    pending, score, created, enqueued, ended, due, ttl, result_ttl, failure_ttl, queue, payload, meta, extra, result =
    struct.unpack(HEADER, raw)
  local body = SIZE + queue + payload + meta + extra
  if state > STOPPED or #raw < body + result then return nil end
  return {
    id = id, state = state, flags = flags, features = features, token = token, seat = seat, started = started,
    attempts = attempts, fails = fails, crashes = crashes, max_crashes = max_crashes, priority = priority,
    reason = reason, pending = pending, score = score, created = created, enqueued = enqueued, ended = ended,
    due = due, ttl = ttl, result_ttl = result_ttl, failure_ttl = failure_ttl,
    payload_size = payload, meta_size = meta, extra_size = extra,
    queue = string.sub(raw, SIZE + 1, SIZE + queue), body = string.sub(raw, SIZE + 1, body),
    result = string.sub(raw, body + 1, body + result), history = string.sub(raw, body + result + 1),
  }
end

local function encode(job)
  return struct.pack(HEADER, VERSION, job.state, job.flags, job.features, job.token, job.seat, job.started,
    job.attempts, job.fails, job.crashes, job.max_crashes, job.priority, job.reason, job.pending, job.score,
    job.created, job.enqueued, job.ended, job.due, job.ttl, job.result_ttl, job.failure_ttl,
    #job.queue, job.payload_size, job.meta_size, job.extra_size, #job.result) .. job.body .. job.result .. job.history
end

-- The record of an id. Nil if there is none; nil and true if it cannot be read.
local function read(id)
  local raw = redis.pcall('GET', record_key(id))
  if not raw then return nil end
  local job = type(raw) == 'string' and decode(id, raw)
  if job then return job end
  return nil, true
end

local function write(job) redis.call('SET', record_key(job.id), encode(job)) end

-- Rewrites the part that a claim rewrites.
local function write_claim(job)
  redis.call('SETRANGE', record_key(job.id), 1,
    struct.pack(CLAIM, job.state, job.flags, job.features, job.token, job.seat, job.started))
end

local function is_ended(job) return job.state >= FINISHED end

-- Ended and past its expiry: unknown to everyone, and removed by the next upkeep.
local function is_over(job) return job.state >= FINISHED and job.due > 0 and job.due <= NOW end

local function extra_of(job) return string.sub(job.body, #job.body - job.extra_size + 1) end

local function chunks(items, size)
  local first = 1 - size
  return function()
    first = first + size
    if first <= #items then return first, math.min(first + size - 1, #items) end
  end
end
