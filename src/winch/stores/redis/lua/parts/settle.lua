-- What became of claims: read all, then settle each that is still held under its token.
--
-- An outcome is two arguments: the job's id, and token kind reason run age delay flags length-of-result, result, detail.
--- @include parts/end_job
--- @include parts/attempt
--- @include parts/damage

--- @constant OUTCOME '<I8BBI8I8I8BI4'
--- @constant OUTCOME_SIZE 39
--- @constant COUNTS 1
--- @constant AT_FRONT 2
local ENDS = {[0] = FINISHED, [1] = FAILED, [4] = STOPPED}

-- Whether a finished job has no past and nothing that only some jobs have, so that `finish_plain` may end it.
local function is_plain(raw)
  local form, _, flags, features = string.byte(raw, 1, 4)
  return features == 0 and form % 2 == 1 and not has(flags, SUSPECT)
end

-- The records that outcomes are about, by id. Outcomes are in ARGV from `first` on, `count` of them. Those that the
-- executor holds and whose records are damaged or gone are `broken`.
local function read_outcomes(first, count, executor, seat)
  local raws, broken = {}, {}
  seated[seat] = executor
  for n = first, first + 2 * count - 2, 2 do
    local id = ARGV[n]
    local raw = redis.pcall('GET', record_key(id))
    local start, _, _, size = body_of(raw)
    if start then
      raws[id] = raw
      local queue = string.sub(raw, start + 1, start + size)
      if not looked[queue] then look_at_way(queue) end
      local features = string.byte(raw, 4)
      if features ~= 0 or string.byte(ARGV[n + 1], 9) ~= KIND_FINISHED then look_at(queue) end
      if has(features, LIMITED) then limiting().look(decode(id, raw)) end
      if has(features, CHILDREN) then look('ZCARD', P .. 'children:' .. id) end
      if has(features, GROUPED) then grouping().look_of(decode(id, raw)) end
    elseif redis.call('HEXISTS', P .. 'x:' .. executor, id) == 1 then
      broken[#broken + 1] = id
    end
  end
  return {first = first, last = first + 2 * count - 2, raws = raws, broken = look_at_broken(broken)}
end

-- Whether a record is that of a job which is started under this token, in this seat (4 bytes).
local function is_held(raw, packed, seat)
  return raw and string.byte(raw, 2) == STARTED and string.sub(raw, 5, 11) == string.sub(packed, 1, 7)
    and string.sub(raw, 12, 15) == seat
end

-- From `started` back to where it came from.
local function run_again(job, outcome)
  leave(job)
  job.state, job.flags = nil, without(job.flags, SUSPECT)
  local at_front = has(outcome.flags, AT_FRONT)
  if outcome.delay > 0 then
    if at_front then job.flags = with(job.flags, FRONT) end
    schedule_job(job, NOW + outcome.delay)
  else
    queue_job(job, at_front)
  end
end

local function retry_job(job, outcome)
  local counts = has(outcome.flags, COUNTS)
  if counts then job.fails = job.fails + 1 end
  run_again(job, outcome)
  if counts then call_back(job, FAILED, true) end
end

local function repeat_job(job, outcome)
  job.fails, job.crashes, job.result = 0, 0, outcome.result
  set_repeats(job, repeats_of(job) + 1)
  run_again(job, outcome)
  call_back(job, FINISHED)
end

-- Settles one outcome of a job that is held under its token. `worker` is the worker's name.
local function settle(job, outcome, worker)
  local kind, ended = outcome.kind, NOW - outcome.age
  if kind ~= KIND_RETURNED or outcome.detail ~= '' then
    local recorded = kind == KIND_REPEAT and KIND_FINISHED or kind
    attempt(job, recorded, outcome.reason, worker, ended - outcome.run, ended, outcome.detail)
  end
  if kind == KIND_RETURNED then
    job.returns = not has(job.flags, BEGUN) and outcome.run == 0 and outcome.detail == ''
    give_back(job)
  elseif kind == KIND_RETRY then
    retry_job(job, outcome)
  elseif kind == KIND_REPEAT then
    repeat_job(job, outcome)
  else
    if kind == KIND_FINISHED then job.result = outcome.result end
    end_job(job, ENDS[kind], outcome.reason, ended)
  end
end

-- Ends a plain job as `settle` and `end_job` would. Its new record is cut from the old one, in half the time.
local function finish_plain(id, raw, outcome, executor, worker)
  local start, body, _, queue = body_of(raw)
  local keys = looked[string.sub(raw, start + 1, start + queue)]
  change(keys[STARTED], id, false)
  hold(executor, id, false)
  local _, _, ttl = terms_of(raw, start)
  if ttl == 0 then
    redis.call('DEL', record_key(id))
    return
  end
  local ended, due = NOW - outcome.age, ttl > 0 and NOW + ttl or 0
  local started, result = ended - outcome.run, outcome.result
  redis.call('SET', record_key(id),
    struct.pack('<BBBBI7I4I6', string.byte(raw) + 1, FINISHED, without(string.byte(raw, 3), BEGUN), 0, 0, 0, started)
      .. string.sub(raw, 22, 45) .. struct.pack('<I6', due) .. string.sub(raw, 52, 64) .. struct.pack('<I4', #result)
      .. struct.pack(PAST, 1, 0, 0, outcome.reason, ended) .. string.sub(raw, SIZE + 1, body) .. result
      .. history_entry(KIND_FINISHED, outcome.reason, worker, started, ended, outcome.detail))
  change(keys[FINISHED], id, due == 0 and '+inf' or text_of(due))
end

local function unpack_outcome(packed)
  local token, kind, reason, run, age, delay, flags, size = struct.unpack(OUTCOME, packed)
  return {
    token = token, kind = kind, reason = reason, run = run, age = age, delay = delay, flags = flags,
    result = string.sub(packed, OUTCOME_SIZE + 1, OUTCOME_SIZE + size),
    detail = string.sub(packed, OUTCOME_SIZE + size + 1),
  }
end

local function add_to_worker(worker, finished, failed, run)
  local key = P .. 'worker:' .. worker
  if finished > 0 then redis.call('HINCRBY', key, 'finished', finished) end
  if failed > 0 then redis.call('HINCRBY', key, 'failed', failed) end
  if run > 0 then redis.call('HINCRBY', key, 'run', run) end
end

-- Settles one outcome if its claim is held. Returns it, or nil.
local function settle_if_held(id, raw, packed, executor, place, worker)
  if not is_held(raw, packed, place) then return nil end
  local outcome = unpack_outcome(packed)
  if outcome.kind == KIND_FINISHED and is_plain(raw) then
    finish_plain(id, raw, outcome, executor, worker)
    return outcome
  end
  local job = decode(id, raw)
  if not job then return nil end
  settle(job, outcome, worker)
  return outcome
end

-- Settles them in order. Returns the tokens of those that were late.
local function settle_all(outcomes, executor, seat, worker, name)
  local place = struct.pack('<I4', seat)
  local late, finished, failed, run = {}, 0, 0, 0
  for n = outcomes.first, outcomes.last, 2 do
    local id, packed = ARGV[n], ARGV[n + 1]
    local outcome = settle_if_held(id, outcomes.raws[id], packed, executor, place, name)
    if outcome then
      outcomes.raws[id] = nil
      run = run + outcome.run
      if outcome.kind == KIND_FINISHED or outcome.kind == KIND_REPEAT then finished = finished + 1 end
      if outcome.kind == KIND_FAILED then failed = failed + 1 end
    else
      late[#late + 1] = struct.unpack('<I8', packed)
    end
  end
  drop_claims(outcomes.broken, executor, worker)
  add_to_worker(worker, finished, failed, run)
  return late
end
