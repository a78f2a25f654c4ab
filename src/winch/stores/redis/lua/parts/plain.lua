-- Jobs of which nothing is special, as `turn` and `turn_any` meet them: those that finish, and those that are claimed.
--- @include parts/record

--- @constant TURN_BYTES 1000000

-- An outcome is three arguments: the job's id; token kind reason run age delay flags, detail; result.
--- @constant OUTCOME '<I8BBI8I8I8B'
--- @constant OUTCOME_SIZE 35

-- Of a record all that finishing it asks for; from `priority` to `enqueued` as it is.
--- @constant FINISHING '<BBBBI7I4I6c24I6BI4I4I4I4'
-- The record of a job that has finished its only run, and the size of what is before its segments.
--- @constant ONCE_FINISHED '<BBBBI7I4I6c24I6BI4I4I4I4I4I4I2BI6c0c0I4I6I6BBBc0c0'
--- @constant ONCE_FINISHED_SIZE 85

-- The end of a job that is started under an outcome's token in this seat, has not run before, has nothing that only some jobs
-- have, and finished: its record (empty if it is not kept; else whole, or without result and what `raw` has behind `from`),
-- that place, its queue, the score of its expiry, and for how long it ran. Nil for any other.
local function plain_end(raw, size, packed, result, seat, worker, is_whole)
  if not raw or #raw < SIZE then return nil end
  local form, state, flags, features, token, place, _, times, _, name, payload, meta, extra, held =
    struct.unpack(FINISHING, raw)
  local of, kind, reason, run, age = struct.unpack(OUTCOME, packed)
  local start, is_new = STARTS[form], form == PLAIN or form == WITH_TERMS
  if not start or size ~= start + name + payload + meta + extra or held > 0 or kind ~= KIND_FINISHED or state ~= STARTED
    or features ~= 0 or token ~= of or place ~= seat or has(flags, SUSPECT) or not (is_new or never_ran(raw)) then
    return nil
  end
  local _, _, ttl = terms_of(raw, start)
  local queue = string.sub(raw, start + 1, start + name)
  if ttl == 0 then return '', nil, queue, nil, run end
  local ended, due, from = NOW - age, ttl > 0 and NOW + ttl or 0, is_new and SIZE or ONCE_FINISHED_SIZE
  local detail = string.sub(packed, OUTCOME_SIZE + 1)
  local record = struct.pack(ONCE_FINISHED, is_new and form + 1 or form, FINISHED, without(flags, BEGUN), 0, 0, 0,
    ended - run, times, due, name, payload, meta, extra, #result, 1, 0, 0, reason, ended,
    is_whole and string.sub(raw, from + 1) or '', is_whole and result or '',
    15 + #worker + #detail, ended - run, ended, KIND_FINISHED, reason, #worker, worker, detail)
  return record, from, queue, due == 0 and '+inf' or text_of(due), run
end

-- Flags, features, end of the body and size of the payload of a record that may be claimed as it is. Nil for one with limits,
-- one that may have waited too long, and what is no record of a queued job.
local function plain_claim(raw, size)
  local start, body, payload = body_of(raw, size)
  if not start then return nil end
  local form, state, flags, features = string.byte(raw, 1, 4)
  if state ~= QUEUED or has(features, LIMITED) then return nil end
  if form >= WITH_TERMS then
    local _, ttl = terms_of(raw, start)
    if ttl > 0 then return nil end
  end
  return flags, features, body, payload
end

local function add_to_worker(worker, finished, failed, run)
  local key = P .. 'worker:' .. worker
  if finished > 0 then redis.call('HINCRBY', key, 'finished', finished) end
  if failed > 0 then redis.call('HINCRBY', key, 'failed', failed) end
  if run > 0 then redis.call('HINCRBY', key, 'run', run) end
end
