-- What becomes of claims whose executor is gone (contract: Liveness.retire and Liveness.beat).
--- @include parts/settle
--- @include parts/claims

local function charge(job, worker, detail)
  job.crashes = job.crashes + 1
  local last = job.crashes >= job.max_crashes
  attempt(job, last and KIND_FAILED or KIND_RETRY, CRASHED, worker, job.started, NOW, detail)
  if last then
    end_job(job, FAILED, CRASHED)
    return
  end
  leave(job)
  job.state, job.flags = nil, with(job.flags, SUSPECT)
  enter(job, QUEUED)
  call_back(job, FAILED, true)
end

local function lapse(job, worker, crashed, suspect, detail)
  if crashed and has(job.flags, BEGUN) then
    attempt(job, KIND_RETURNED, CRASHED, worker, job.started, NOW, detail)
  end
  leave(job)
  if suspect then job.flags = with(job.flags, SUSPECT) end
  enter(job, QUEUED)
end

-- Lapses claims: one is charged (or none), some become suspects. Returns the ids: returned, suspects, charged.
local function lapse_all(claims, worker, crashed, charged, suspects, detail)
  local became = {{}, {}, {}}
  for _, job in ipairs(claims) do
    local suspect = suspects[job.id] or false
    if job == charged then charge(job, worker, detail) else lapse(job, worker, crashed, suspect, detail) end
    local list = became[job == charged and 3 or suspect and 2 or 1]
    list[#list + 1] = job.id
  end
  return became
end

local function ids_of(jobs)
  local ids = {}
  for _, job in ipairs(jobs) do ids[job.id] = true end
  return ids
end

local function those(jobs, flag)
  local found = {}
  for _, job in ipairs(jobs) do
    if has(job.flags, flag) then found[#found + 1] = job end
  end
  return found
end

-- `is_lost`: a job had begun whose record is broken since. It may be the one to blame, so no other is charged for it.
local function blamed_for_executor(claims, crashed, is_lost)
  if not crashed then return nil, {} end
  local begun = those(claims, BEGUN)
  if #begun == 1 and not is_lost then return begun[1], {} end
  return nil, ids_of((#begun > 0 or is_lost) and begun or claims)
end

-- Its suspect is charged. What had begun beside it in other executors may be to blame all the same. `is_lost`: the worker's
-- suspect is a job whose record is broken since.
local function blamed_for_worker(claims, is_lost)
  local suspect, begun = those(claims, SUSPECT)[1], those(claims, BEGUN)
  if suspect or is_lost or #begun > 0 then return suspect, ids_of(begun) end
  return nil, ids_of(claims)
end

-- Before the first write: what an executor holds, and which of it is broken.
local function look_at_claims(executor)
  local ids = {}
  local claims = claims_of(executor, nil, ids)
  for _, job in ipairs(claims) do look_at_job(job) end
  return claims, look_at_broken(ids)
end

-- Ends the enlistment of an executor. Its claims must have lapsed.
local function dismiss_executor(executor, seat, worker)
  redis.call('DEL', P .. 'x:' .. executor)
  redis.call('HDEL', P .. 'seats', seat)
  redis.call('LREM', P .. 'crew:' .. worker, 0, executor)
end
