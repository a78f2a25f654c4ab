-- New jobs, whatever they ask for: into the state that was planned for them.
--- @include parts/new_job
--- @include parts/end_job
--- @include parts/attempt
--- @include parts/damage

-- An ended job makes room for its successor, which is younger and inherits the children that wait for the id.
local function replace(old, job)
  leave(old)
  job.created = math.max(job.created, old.created + 1)
  job.features = with(job.features, bit.band(old.features, CHILDREN + FIRING))
end

-- A job that ends as it is created. Jobs of this call may wait already for the one that had its id: they hear of this end.
local function end_at_once(job, state, reason, children)
  local waiting = children[job.id]
  if waiting then
    adopt(job.id, waiting)
    job.features, children[job.id] = with(job.features, CHILDREN), nil
  end
  end_job(job, state, reason)
end

local function create(job, state, unmet, children)
  if job.damaged then remove_damaged(job.id) end
  if job.old then replace(job.old, job) end
  if state == QUEUED then
    queue_job(job, has(job.flags, FRONT))
  elseif state == SCHEDULED then
    schedule_job(job, job.due)
  elseif state == CANCELED then
    end_at_once(job, CANCELED, DEPENDENCY, children)
  elseif state == FAILED then
    job.flags = without(job.flags, FAILED_BEFORE)
    attempt(job, KIND_FAILED, RAISED, '', NOW, NOW, job.error)
    end_at_once(job, FAILED, RAISED, children)
  else
    job.token, job.pending = next_token(), #unmet
    enter(job, DEFERRED)
    for _, parent in ipairs(unmet) do
      local list = children[parent] or {}
      children[parent] = list
      list[#list + 1], list[#list + 2] = job.token, job.id
    end
  end
end

-- All join their groups before any of them ends, and the groups are held until all are created.
local function join_groups(jobs)
  local joined, seen = {}, {}
  for _, job in ipairs(jobs) do
    if job.old and has(job.old.features, GROUPED) then grouping().leave(job.old) end
    local group = has(job.features, GROUPED) and grouping().join(job)
    if group and not seen[group] then
      seen[group], joined[#joined + 1], group.holds = true, group, group.holds + 1
    end
  end
  return joined
end

local function release_groups(joined)
  for _, group in ipairs(joined) do
    group.holds = group.holds - 1
    grouping().rest(group)
  end
end

-- Before the first write: all that comes with a new job.
local function look_at_new(job, unmet)
  look_at(job.queue)
  if has(job.features, GROUPED) then grouping().look_of(job) end
  if job.old then look_at_job(job.old) end
  if job.damaged then look_everywhere() end
  for _, parent in ipairs(unmet) do look('ZCARD', P .. 'children:' .. parent) end
end
