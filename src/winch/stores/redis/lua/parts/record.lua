-- A job's record: one string of a header, up to two blocks, and six segments (docs/decisions/001-record-layout.md).
--
--   form state flags features token seat started | priority pending score created enqueued due |
--   lengths of queue payload meta extra result
--   past:  attempts fails crashes reason ended, of a job that ran or ended
--   terms: max_crashes ttl result_ttl failure_ttl, if one is not the default
--   queue payload meta extra result history
--
-- A claim rewrites the first group, a settle the whole. `records.py` and `segments.py` read the same format.
--
--   form   1, and 1 more with a past, and 2 more with terms; any other is newer or damaged
--   token  of the claim while started; while deferred the number of this incarnation, which its parents know
--   past   also of a job with a long payload (from 4,096 bytes on): then finishing moves no segment
--   seat   the number of the executor that holds it (hash `seats`)
--   due    when it is due while it waits; when it expires once it has ended; 0 is never
--   extra  entries of what only some jobs have: callbacks, how often it was repeated ... (parts/extra)
--- @include parts/base

--- @constant HEADER '<BBBBI7I4I6 hI2dI6I6I6 BI4I4I4I4'
--- @constant SIZE 68
--- @constant PAST '<I4I4I2BI6'
--- @constant PAST_SIZE 17
--- @constant TERMS '<I2I6i6i6'
--- @constant TERMS_SIZE 20
-- the part that a claim rewrites, from the second byte on:
--- @constant CLAIM '<BBBI7I4I6'
--- @constant LONG 4096
--- @constant LAST_OF_SHORT '4095'

-- where the segments begin, by form
local STARTS = {68, 85, 88, 105}
--- @constant PLAIN 1
--- @constant WITH_TERMS 3

-- the terms of a job that has no block of them (contract.NewJob)
--- @constant MAX_CRASHES 3
--- @constant RESULT_TTL 500000
--- @constant FAILURE_TTL 31536000000

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
--- @constant LIMITED 32
--- @constant GROUPED 64
--- @constant REPEATS 128

-- positions in winch.states.REASONS
--- @constant RAISED 1
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
--- @constant KIND_REPEAT 5

--- @inline has (bit.band(\1, \2) ~= 0)
--- @inline with bit.bor(\1, \2)
--- @inline without bit.band(\1, bit.bnot(\2))
local function has(bits, bit_) return bit.band(bits, bit_) ~= 0 end
local function with(bits, bit_) return bit.bor(bits, bit_) end
local function without(bits, bit_) return bit.band(bits, bit.bnot(bit_)) end
local function policy(job) return math.floor(job.flags / POLICY) end

-- The field '' of an executor's hash `x:`: its seat and its worker. It is longer than 64 bytes, so that the server keeps the
-- hash as a table; the other fields are the jobs that it holds, which it would else look for one by one.
--- @constant PLACE '<I4Bc0'

local function record_key(id) return P .. 'j:' .. id end

-- Where the segments of a stored value begin, where the body ends, and the sizes of its payload and its queue's name. Nil if
-- it is no record, or a damaged one. `size` is given if only its beginning is.
local function body_of(raw, size)
  local start = type(raw) == 'string' and STARTS[string.byte(raw)]
  if not start or #raw < start then return nil end
  local queue, payload, meta, extra, result = struct.unpack('<BI4I4I4I4', raw, 52)
  local body = start + queue + payload + meta + extra
  if (size or #raw) >= body + result then return start, body, payload, queue end
end

local function past_of(raw)
  if string.byte(raw) % 2 == 1 then return 0, 0, 0, 0, 0 end
  return struct.unpack(PAST, raw, SIZE + 1)
end

local function never_ran(raw)
  local attempts, fails, crashes = past_of(raw)
  return attempts + fails + crashes == 0
end

local function terms_of(raw, start)
  if string.byte(raw) < WITH_TERMS then return MAX_CRASHES, 0, RESULT_TTL, FAILURE_TTL end
  return struct.unpack(TERMS, raw, start - TERMS_SIZE + 1)
end

-- A record as a table. `body` is queue, payload, meta and extra. Nil if it is damaged.
local function decode(id, raw)
  local start, body = body_of(raw)
  if not start or string.byte(raw, 2) > STOPPED then return nil end
  local _, state, flags, features, token, seat, started, priority, pending, score, created, enqueued, due,
    queue, payload, meta, extra, result = struct.unpack(HEADER, raw)
  local attempts, fails, crashes, reason, ended = past_of(raw)
  local max_crashes, ttl, result_ttl, failure_ttl = terms_of(raw, start)
  return {
    id = id, state = state, flags = flags, features = features, token = token, seat = seat, started = started,
    attempts = attempts, fails = fails, crashes = crashes, max_crashes = max_crashes, priority = priority,
    reason = reason, pending = pending, score = score, created = created, enqueued = enqueued, ended = ended,
    due = due, ttl = ttl, result_ttl = result_ttl, failure_ttl = failure_ttl,
    payload_size = payload, meta_size = meta, extra_size = extra,
    queue = string.sub(raw, start + 1, start + queue), body = string.sub(raw, start + 1, body),
    result = string.sub(raw, body + 1, body + result), history = string.sub(raw, body + result + 1),
  }
end

local function has_past(job) return job.attempts + job.fails + job.crashes + job.reason + job.ended > 0 end

local function has_terms(job)
  return job.ttl ~= 0 or job.result_ttl ~= RESULT_TTL or job.failure_ttl ~= FAILURE_TTL or job.max_crashes ~= MAX_CRASHES
end

local function encode(job)
  local form, past, terms = PLAIN, '', ''
  if has_past(job) or job.payload_size >= LONG then
    form, past = form + 1, struct.pack(PAST, job.attempts, job.fails, job.crashes, job.reason, job.ended)
  end
  if has_terms(job) then
    form, terms = form + 2, struct.pack(TERMS, job.max_crashes, job.ttl, job.result_ttl, job.failure_ttl)
  end
  return struct.pack(HEADER, form, job.state, job.flags, job.features, job.token, job.seat, job.started,
    job.priority, job.pending, job.score, job.created, job.enqueued, job.due,
    #job.queue, job.payload_size, job.meta_size, job.extra_size, #job.result)
    .. past .. terms .. job.body .. job.result .. job.history
end

-- The record of an id. Nil if there is none; nil and true if it cannot be read.
local function read(id)
  local raw = redis.pcall('GET', record_key(id))
  if not raw then return nil end
  local job = type(raw) == 'string' and decode(id, raw)
  if job then return job end
  return nil, true
end

-- The store says once and for all that there are long records.
local function write(job)
  redis.call('SET', record_key(job.id), encode(job))
  if job.payload_size >= LONG then redis.call('HSET', P .. 'store', 'long', 1) end
end

-- Rewrites the part that a claim rewrites.
local function write_claim(job)
  redis.call('SETRANGE', record_key(job.id), 1,
    struct.pack(CLAIM, job.state, job.flags, job.features, job.token, job.seat, job.started))
end

local function is_ended(job) return job.state >= FINISHED end

-- Ended and past its expiry: unknown to everyone, and removed by the next upkeep.
local function is_over(job) return job.state >= FINISHED and job.due > 0 and job.due <= NOW end

local function extra_of(job) return string.sub(job.body, #job.body - job.extra_size + 1) end

local printed, print_of

-- A number as a score. The jobs of a batch often expire together, and printing numbers is slow.
local function text_of(number)
  if number ~= printed then printed, print_of = number, string.format('%.0f', number) end
  return print_of
end

local function chunks(items, size)
  local first = 1 - size
  return function()
    first = first + size
    if first <= #items then return first, math.min(first + size - 1, #items) end
  end
end
