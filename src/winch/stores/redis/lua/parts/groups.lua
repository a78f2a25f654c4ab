-- Groups: jobs that belong together, counted as they end (contract: Groups). Each is read before the first write, kept in
-- `known`, and written by `finish`.
--
--   group:<id>    a hash: `queue` and `payload` of the job of its completion, and numbers
--   members:<id>  a sorted set of its jobs, scored by the number with which each joined
--   groups        a sorted set of all groups, scored by their expiry: upkeep removes them
--- @include parts/make_job

-- Its functions are made only for those whom groups concern.
local function grouping()
  if grouper then return grouper end
  grouper = {}
  local known = {}  -- group -> what is kept of it, false if it is unknown
  local numbers = {'created', 'completed', 'expires', 'ttl', 'holds', 'completions', 'total', 'pending', 'finished',
                   'failed', 'canceled', 'stopped', 'deleted'}
  local ends = {[FINISHED] = 'finished', [FAILED] = 'failed', [CANCELED] = 'canceled', [STOPPED] = 'stopped'}
  grouper.numbers = numbers

  -- A group that may change, with the job that its completion creates.
  function grouper.look(id)
    if known[id] ~= nil then return known[id] end
    local kept = look('HMGET', P .. 'group:' .. id, 'queue', unpack(numbers))
    look('ZCARD', P .. 'members:' .. id)
    look('ZCARD', P .. 'groups')
    local group = kept[1] and {id = id, queue = kept[1]} or false
    for n, name in ipairs(group and numbers or {}) do group[name] = tonumber(kept[n + 1] or 0) end
    if group and group.expires > 0 and group.expires <= NOW then group = false end
    if group and group.queue ~= '' then
      look('SCARD', P .. 'queues')
      look_at(group.queue)
    end
    known[id] = group
    return group
  end

  -- The group that a job has joined, false if it is unknown by now.
  function grouper.look_of(job) return grouper.look(entry_of(job, GROUP_ENTRY)) end

  -- The group that counts a job, nil if none does.
  local function group_of(job)
    local group = known[entry_of(job, GROUP_ENTRY)]
    if not group then return nil end
    local key = P .. 'members:' .. group.id
    local place = changes[key] and changes[key][job.id]
    if place == nil then place = redis.call('ZSCORE', key, job.id) end
    return place and group or nil
  end

  function grouper.leave(job)
    local group = group_of(job)
    if group then change(P .. 'members:' .. group.id, job.id, false) end
  end

  -- A new job becomes a member. Returns the group.
  function grouper.join(job)
    local group = known[entry_of(job, GROUP_ENTRY)]
    group.total, group.pending, group.completed, group.expires = group.total + 1, group.pending + 1, 0, 0
    group.is_changed = true
    change(P .. 'members:' .. group.id, job.id, string.format('%.0f', group.total))
    return group
  end

  local function complete(group)
    group.completed, group.completions = NOW, group.completions + 1
    redis.call('PUBLISH', P .. 'complete:' .. group.id, 1)
    if group.queue == '' then return end
    local text = string.format('%s:complete:%.0f:%.0f', group.id, group.created, group.completions)
    redis.call('SADD', P .. 'queues', group.queue)
    make_job(digest_id(text), group.queue, redis.call('HGET', P .. 'group:' .. group.id, 'payload'), '', 0,
      {priority = 0, max_crashes = MAX_CRASHES, result_ttl = RESULT_TTL, failure_ttl = FAILURE_TTL})
  end

  -- A group of which nothing is pending expires later, and is completed once, unless somebody holds it.
  function grouper.rest(group)
    if group.pending > 0 then return end
    group.expires, group.is_changed = group.ttl < 0 and 0 or NOW + group.ttl, true
    if group.holds == 0 and group.completed == 0 then complete(group) end
  end

  -- A member has ended in this state, or without one: it is deleted before its end.
  function grouper.count_end(job, state)
    local group, how = group_of(job), ends[state] or 'deleted'
    if not group then return end
    group[how], group.pending, group.is_changed = group[how] + 1, group.pending - 1, true
    grouper.rest(group)
  end

  -- A member that has ended in this state goes on.
  function grouper.take_end_back(job, state)
    local group, how = group_of(job), ends[state]
    if not group then return end
    group[how], group.pending, group.completed, group.expires = group[how] - 1, group.pending + 1, 0, 0
    group.is_changed = true
  end

  function grouper.write(group)
    local fields = {}
    for n, name in ipairs(numbers) do
      fields[2 * n - 1], fields[2 * n] = name, string.format('%.0f', group[name])
    end
    redis.call('HSET', P .. 'group:' .. group.id, unpack(fields))
    redis.call('ZADD', P .. 'groups', group.expires > 0 and string.format('%.0f', group.expires) or '+inf', group.id)
  end

  function grouper.save()
    for _, group in pairs(known) do
      if group and group.is_changed then grouper.write(group) end
    end
  end

  return grouper
end

-- A job that may move, with its group, and the children that may move with it.
local function look_at_job(job)
  look_at(job.queue)
  if has(job.features, LIMITED) then limiting().look(job) end
  if has(job.features, CHILDREN) then look('ZCARD', P .. 'children:' .. job.id) end
  if has(job.features, GROUPED) then grouping().look_of(job) end
end

-- Whether a job may end, at any time and without a refusal: its queue and its group are sound.
local function may_end(job)
  return is_sound(job.queue) and (not has(job.features, GROUPED) or pcall(grouping().look_of, job))
end
