-- The one place where a job becomes terminal or vanishes: index, retention, group, callbacks, children, waiters (rule 14).
--- @include parts/groups
--- @include parts/children

local EVENTS = {[FINISHED] = 'success', [FAILED] = 'failure', [STOPPED] = 'stopped'}

local function tell_waiters(job)
  if not has(job.features, WAITER) then return end
  redis.call('PUBLISH', P .. 'ended:' .. job.id, 1)
  job.features = without(job.features, WAITER)
end

-- The record of a parent as its callback carries it: without its own callbacks or parent.
local function encode_parent(job)
  local bare = setmetatable({features = 0, extra_size = 0, body = string.sub(job.body, 1, #job.body - job.extra_size)},
    {__index = job})
  if has(job.features, GROUPED) then
    bare.features = GROUPED
    set_entry(bare, GROUP_ENTRY, entry_of(job, GROUP_ENTRY))
  end
  set_repeats(bare, repeats_of(job))
  return string.char(#job.id) .. job.id .. encode(bare)
end

-- `event` is the end state that calls for it, `place` its position among the callbacks of that.
local function create_callback(parent, event, place, payload)
  local like = {priority = parent.priority, max_crashes = parent.max_crashes, failure_ttl = parent.failure_ttl,
                result_ttl = event == FINISHED and parent.result_ttl or parent.failure_ttl}
  local extra = extra_entry(PARENT_ENTRY, encode_parent(parent))
  make_job(callback_id(parent, EVENTS[event], place), parent.queue, payload, extra, PARENT, like)
end

-- Creates the callbacks of an event; if `is_retried` only those that hear of every failed attempt. Each joins the front, so
-- the last is the first to be made.
local function call_back(job, event, is_retried)
  if not has(job.features, CALLBACKS) then return end
  local called = {}
  for code, payload in entries_of(job) do
    if code == event or code == event + EACH then called[#called + 1] = {code = code, payload = payload} end
  end
  for n = #called, 1, -1 do
    if not is_retried or called[n].code > EACH then create_callback(job, event, n - 1, called[n].payload) end
  end
end

-- Nothing is left of it; `how` is what the children of this end hear.
local function remove_record(job, how)
  if has(job.features, GROUPED) then grouping().leave(job) end
  mark_gone(job)
  fire_children(job, how)
  redis.call('DEL', record_key(job.id))
end

-- Ends a job. `ended` is when, NOW if it is not given; `told` the end state that its children hear, if it is another; the
-- result of one that finished is the caller's to set before.
local function end_job(job, state, reason, ended, told)
  leave(job)
  local ttl = state == FINISHED and job.result_ttl or job.failure_ttl
  job.state, job.reason, job.ended, job.pending = state, reason, ended or NOW, 0
  job.due = ttl > 0 and NOW + ttl or 0
  job.flags = without(job.flags, SUSPECT)
  if state ~= FINISHED then job.result = '' end
  tell_waiters(job)
  if has(job.features, GROUPED) then grouping().count_end(job, state) end
  if EVENTS[state] then call_back(job, state) end
  told = told or state
  if ttl == 0 then
    remove_record(job, told == FINISHED and FINISHED or GONE)
  else
    fire_children(job, told)
    enter(job, state)
  end
end

-- Removes a job in any state, with all it had.
local function vanish(job)
  if has(job.features, GROUPED) and not is_ended(job) then grouping().count_end(job) end
  leave(job)
  tell_waiters(job)
  remove_record(job, GONE)
end
