-- Due jobs: from `scheduled` to `queued`.
--- @include parts/queue_job
--- @include parts/damage

local function by_due(a, b)
  if a.due ~= b.due then return a.due < b.due end
  return a.id < b.id
end

-- Of a due queue the jobs whose time has come, and a note of the keys whose token has. Such a key has no time until
-- `release_all` gives it another, so that one in trouble keeps nobody awake.
local function due_in(queue, room, found)
  local waits = P .. 'waits:' .. queue
  for _, key in ipairs(redis.pcall('ZRANGEBYSCORE', waits, '-inf', NOW, 'LIMIT', 0, RELEASES)) do
    redis.call('ZADD', waits, '+inf', key)
    loosened[key], timers[queue] = true, true
  end
  local ids = redis.call('ZRANGEBYSCORE', P .. 'scheduled:' .. queue, '-inf', NOW, 'WITHSCORES', 'LIMIT', 0, room)
  for n = 1, #ids, 2 do found[#found + 1] = {id = ids[n], due = tonumber(ids[n + 1]), queue = queue} end
end

-- Up to `room` due jobs of these queues, earliest first. Whose token has come is `release_all`'s to tell.
local function promote(queues, room)
  local found = {}
  for _, queue in ipairs(queues) do due_in(queue, room, found) end
  if #found == 0 then return end
  table.sort(found, by_due)
  for n = 1, math.min(room, #found) do
    local job = read(found[n].id)
    if job and job.state == SCHEDULED and job.queue == found[n].queue then
      queue_job(job, has(job.flags, FRONT))
    else
      damaged(found[n].id, P .. 'scheduled:' .. found[n].queue, found[n].queue)
    end
  end
  flush()
end

-- All queues with due jobs, without those in trouble.
local function queues_due()
  local found = {}
  for _, queue in ipairs(redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', NOW)) do
    if is_sound(queue) then found[#found + 1] = queue end
  end
  return found
end

local function promote_all(room) promote(queues_due(), room) end

-- Of these queues those with due jobs, and the milliseconds until the earliest due time or end of a pause (-1: none). A queue
-- with due jobs that is in trouble does not count.
local function timers_of(queues)
  local due, next_due = {}, -1
  if look('ZCARD', P .. 'due') == 0 then return due, or_end_of_pause(next_due) end
  for first, last in chunks(queues, 1000) do
    for n, at in ipairs(look('ZMSCORE', P .. 'due', unpack(queues, first, last))) do
      local queue = queues[first + n - 1]
      if at and (tonumber(at) > NOW or is_sound(queue)) then
        local left = math.max(0, tonumber(at) - NOW)
        if left == 0 then due[#due + 1] = queue end
        if next_due < 0 or left < next_due then next_due = left end
      end
    end
  end
  return due, or_end_of_pause(next_due)
end
