-- What became of claims: read all, then settle each that is still held under its token.
--- @include parts/end_job
--- @include parts/attempt
--- @include parts/damage
--- @include parts/plain

--- @constant COUNTS 1
--- @constant AT_FRONT 2
local ENDS = {[0] = FINISHED, [1] = FAILED, [4] = STOPPED}

-- The records that outcomes are about, by id. Outcomes are in ARGV from `first` on, `count` of them. Those that the
-- executor holds and whose records are damaged or gone are `broken`.
local function read_outcomes(first, count, executor, seat)
  local raws, broken = {}, {}
  seated[seat] = executor
  for n = first, first + 3 * count - 3, 3 do
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
  return {first = first, last = first + 3 * count - 3, raws = raws, broken = look_at_broken(broken)}
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

-- Ends a plain job, if it is one. Returns for how long it ran.
local function finish_plain(id, raw, packed, result, executor, seat, worker)
  local record, _, queue, due, run = plain_end(raw, raw and #raw, packed, result, seat, worker, true)
  if not record then return nil end
  local keys = looked[queue]
  change(keys[STARTED], id, false)
  hold(executor, id, false)
  if record == '' then
    redis.call('DEL', record_key(id))
  else
    redis.call('SET', record_key(id), record)
    change(keys[FINISHED], id, due)
  end
  return run
end

local function unpack_outcome(packed, result)
  local token, kind, reason, run, age, delay, flags = struct.unpack(OUTCOME, packed)
  return {
    token = token, kind = kind, reason = reason, run = run, age = age, delay = delay, flags = flags,
    detail = string.sub(packed, OUTCOME_SIZE + 1), result = result,
  }
end

-- Settles one outcome if its claim is held. Returns its kind and for how long it ran, or nil.
local function settle_if_held(id, raw, packed, result, executor, seat, worker)
  local run = finish_plain(id, raw, packed, result, executor, seat, worker)
  if run then return KIND_FINISHED, run end
  local job, outcome = raw and decode(id, raw), unpack_outcome(packed, result)
  if not job or job.state ~= STARTED or job.token ~= outcome.token or job.seat ~= seat then return nil end
  settle(job, outcome, worker)
  return outcome.kind, outcome.run
end

-- Settles them in order. Returns the tokens of those that were late.
local function settle_all(outcomes, executor, seat, worker, name)
  local late, finished, failed, ran = {}, 0, 0, 0
  for n = outcomes.first, outcomes.last, 3 do
    local id, packed = ARGV[n], ARGV[n + 1]
    local kind, run = settle_if_held(id, outcomes.raws[id], packed, ARGV[n + 2], executor, seat, name)
    if kind then
      outcomes.raws[id] = nil
      ran = ran + run
      if kind == KIND_FINISHED or kind == KIND_REPEAT then finished = finished + 1 end
      if kind == KIND_FAILED then failed = failed + 1 end
    else
      late[#late + 1] = struct.unpack('<I8', packed)
    end
  end
  drop_claims(outcomes.broken, executor, worker)
  add_to_worker(worker, finished, failed, ran)
  return late
end
