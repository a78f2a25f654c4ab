-- Limits: who holds slots and tokens, who waits for room, and who goes on (contract: `admit` and `release`).
--
--   slots:<key>              the ids of those that hold a slot
--   bucket:<key>             when its bucket is full again, in microseconds; it ends then
--   waiting:<key>            the queues in which jobs wait for it
--   waits:<queue>            the keys that its jobs wait for, scored by when the next token comes (+inf: a slot must be free)
--   waiters:<queue>\n<key>   the jobs that wait, scored as in their queue
--   released:<queue>\n<key>  those that were released, until they are claimed
--
-- It is included by `indexes`, between what it needs of that and what needs it.
--- @include parts/look
--- @include parts/extra

-- the most jobs that one call releases for a key in a queue, and bytes of their records
--- @constant RELEASES 100
--- @constant RELEASE_BYTES 1000000
-- the most keys per queue, and ids of each, that a beat looks at
--- @constant REPAIRED 10

--- @constant LIMIT_FORMAT '<I4I4I8I4I2c0'

local loosened = {}  -- keys that may have room for those that wait
local limiter

-- Its functions are made only for those whom limits concern.
local function limiting()
  if limiter then return limiter end
  limiter = {}
  local looked_after = {}  -- queues with keys, after a look at what both need

  -- A job's limits, in their order: key, concurrency, and in microseconds the step of its tokens, and by how much its bucket
  -- may be behind.
  local function limits_of(job)
    if job.limits then return job.limits end
    local content, at, found = entry_of(job, LIMITS_ENTRY), 1, {}
    while at <= #content do
      local concurrency, rate, per, burst, key, next_limit = struct.unpack(LIMIT_FORMAT, content, at)
      local step = rate > 0 and math.ceil(per * 1000 / rate) or 0
      found[#found + 1] = {key = key, concurrency = concurrency, step = step, behind = (burst - 1) * step}
      at = next_limit
    end
    job.limits = found
    return found
  end

  -- What a job with limits needs that changes its state.
  function limiter.look(job)
    local queue = job.queue
    for _, limit in ipairs(limits_of(job)) do
      local key = limit.key
      if not looked_after[queue .. '\n' .. key] then
        look('SCARD', P .. 'slots:' .. key)
        look('STRLEN', P .. 'bucket:' .. key)
        look('SCARD', P .. 'waiting:' .. key)
        look('ZCARD', P .. 'waits:' .. queue)
        look('ZCARD', P .. 'waiters:' .. queue .. '\n' .. key)
        look('SCARD', P .. 'released:' .. queue .. '\n' .. key)
        looked_after[queue .. '\n' .. key] = true
      end
    end
  end

  local function full_at(key)
    return math.max(NOW * 1000, tonumber(redis.call('GET', P .. 'bucket:' .. key) or 0))
  end

  local function set_full_at(key, at)
    local left = math.ceil(at / 1000) - NOW
    if left <= 0 then
      redis.call('DEL', P .. 'bucket:' .. key)
    else
      redis.call('SET', P .. 'bucket:' .. key, string.format('%.0f', at), 'PX', left)
    end
  end

  -- Whether there is a slot beside those that are promised to jobs that were released.
  local function has_slot(limit, promised)
    return limit.concurrency == 0 or redis.call('SCARD', P .. 'slots:' .. limit.key) + promised < limit.concurrency
  end

  -- When there is a token beside those that are promised. Nil: not before one of these is taken.
  local function token_at(limit, promised)
    if limit.step == 0 then return NOW end
    local ahead = promised * limit.step - limit.behind
    return ahead <= 0 and math.ceil((full_at(limit.key) + ahead) / 1000) or nil
  end

  -- Takes a slot and a token of each limit, or of none. Returns the key of the first that has no room.
  local function take(job)
    for _, limit in ipairs(limits_of(job)) do
      if not has_slot(limit, 0) or (token_at(limit, 0) or NOW + 1) > NOW then return limit.key end
    end
    for _, limit in ipairs(limits_of(job)) do
      redis.call('SREM', P .. 'released:' .. job.queue .. '\n' .. limit.key, job.id)
      if limit.concurrency > 0 then redis.call('SADD', P .. 'slots:' .. limit.key, job.id) end
      if limit.step > 0 then set_full_at(limit.key, full_at(limit.key) + limit.step) end
      loosened[limit.key] = true
    end
  end

  -- Has a queued job wait for a key.
  local function wait(job, key)
    redis.call('SETRANGE', record_key(job.id), 1, string.char(BLOCKED))
    change(index_of(job), job.id, false)
    change(P .. 'blocked:' .. job.queue, job.id, job.score)
    redis.call('ZADD', P .. 'waiters:' .. job.queue .. '\n' .. key, job.score, job.id)
    if redis.call('SADD', P .. 'waiting:' .. key, job.queue) == 1 then
      redis.call('ZADD', P .. 'waits:' .. job.queue, '+inf', key)
    end
    for _, limit in ipairs(limits_of(job)) do
      redis.call('SREM', P .. 'released:' .. job.queue .. '\n' .. limit.key, job.id)
      loosened[limit.key] = true
    end
  end

  -- Whether a queued job may be claimed; else it waits from now on.
  function limiter.admit(job)
    local key = take(job)
    if key then wait(job, key) end
    return not key
  end

  -- What it held, waited for, or was promised is free.
  local function let_go_of(job)
    for _, limit in ipairs(limits_of(job)) do
      redis.call('SREM', P .. 'slots:' .. limit.key, job.id)
      redis.call('SREM', P .. 'released:' .. job.queue .. '\n' .. limit.key, job.id)
      redis.call('ZREM', P .. 'waiters:' .. job.queue .. '\n' .. limit.key, job.id)
      if job.returns and limit.step > 0 then set_full_at(limit.key, full_at(limit.key) - limit.step) end
      loosened[limit.key] = true
    end
  end

  -- The first that waits in a queue for a key, with that limit. Who does not wait there any more goes out.
  local function first_waiter(queue, key, waiters)
    while true do
      local id = redis.call('ZRANGE', waiters, 0, 0)[1]
      if not id then return nil end
      local job = read(id)
      if job and job.state == BLOCKED and job.queue == queue then
        for _, limit in ipairs(limits_of(job)) do
          if limit.key == key then return job, limit end
        end
      end
      redis.call('ZREM', waiters, id)
      if not job then damaged(id, P .. 'blocked:' .. queue, queue) end
    end
  end

  local function release(job, waiters, released)
    redis.call('ZREM', waiters, job.id)
    redis.call('SADD', released, job.id)
    redis.call('SETRANGE', record_key(job.id), 1, string.char(QUEUED))
    change(P .. 'blocked:' .. job.queue, job.id, false)
    job.state = QUEUED
    change(index_of(job), job.id, job.score)
    touched[job.queue] = true
  end

  -- Releases the first that wait in a queue for a key, and notes when the next token comes for the one that stays.
  local function look_after(queue, key)
    local waiters, released = P .. 'waiters:' .. queue .. '\n' .. key, P .. 'released:' .. queue .. '\n' .. key
    local promised, room, bytes, token = redis.call('SCARD', released), RELEASES, RELEASE_BYTES, nil
    local job, limit = first_waiter(queue, key, waiters)
    while job and has_slot(limit, promised) do
      token = token_at(limit, promised)
      if room == 0 or bytes <= 0 then token = NOW end -- the next call goes on
      if not token or token > NOW or room == 0 or bytes <= 0 then break end
      release(job, waiters, released)
      promised, room, bytes, token = promised + 1, room - 1, bytes - #job.body, nil
      job, limit = first_waiter(queue, key, waiters)
    end
    if job then
      redis.call('ZADD', P .. 'waits:' .. queue, token or '+inf', key)
    else
      redis.call('ZREM', P .. 'waits:' .. queue, key)
      redis.call('SREM', P .. 'waiting:' .. key, queue)
    end
    timers[queue] = true
  end

  local function look_at_waiting(queue, key)
    look('ZCARD', P .. 'waits:' .. queue)
    look('ZCARD', P .. 'waiters:' .. queue .. '\n' .. key)
    look('SCARD', P .. 'released:' .. queue .. '\n' .. key)
    look('STRLEN', P .. 'bucket:' .. key)
    look('SCARD', P .. 'slots:' .. key)
  end

  -- Releases for all keys that have been loosened. Queues in trouble are passed over: a beat comes back to them.
  function limiter.release()
    for _, job in ipairs(freed) do let_go_of(job) end
    local keys = loosened
    freed, loosened = {}, {}
    for key in pairs(keys) do
      local queues = redis.pcall('SMEMBERS', P .. 'waiting:' .. key)
      for _, queue in ipairs(queues) do
        if is_sound(queue) and pcall(look_at_waiting, queue, key) then
          look_after(queue, key)
        else
          redis.pcall('ZADD', P .. 'waits:' .. queue, 'XX', '+inf', key)
          if is_sound(queue) then timers[queue] = true end
        end
      end
    end
  end

  return limiter
end

-- The step `release`: those for which there is room by now go on.
local function release_all()
  if #freed == 0 and not next(loosened) then return end
  limiting().release()
  flush()
end

-- A net below all that: a few of the keys for which jobs of a queue wait are looked after, though nothing has told that they
-- have room, and what a record that broke has left behind in their sets goes.
local function repair_limits(queue)
  local function drop(set, state)
    for _, id in ipairs(redis.pcall('SRANDMEMBER', set, REPAIRED)) do
      local job = read(id)
      if not job or job.state ~= state then redis.call('SREM', set, id) end
    end
  end

  for _, key in ipairs(redis.pcall('ZRANDMEMBER', P .. 'waits:' .. queue, REPAIRED)) do
    redis.pcall('SADD', P .. 'waiting:' .. key, queue)
    drop(P .. 'slots:' .. key, STARTED)
    drop(P .. 'released:' .. queue .. '\n' .. key, QUEUED)
    loosened[key] = true
  end
end
