-- Claiming: look, read each record in a protected call, then remove (rule 11).
--- @include parts/end_job
--- @include parts/damage

--- @constant TURN_BYTES 1000000
local NO_TTL = string.rep('\0', 6)

-- Who claims, and what it has got: id, token, record, id, token, record ...
local function claimer(executor, seat, worker, room)
  return {executor = executor, seat = seat, worker = worker, room = room, bytes = 0, got = {}}
end

local function has_expired(id, raw)
  if string.sub(raw, 71, 76) == NO_TTL then return false end
  local job = decode(id, raw)
  if not job or job.fails + job.crashes + job.attempts > 0 or job.enqueued + job.ttl > NOW then return false end
  end_job(job, CANCELED, EXPIRED)
  return true
end

-- Hands out the job of an id that `index` lists. False if it cannot be handed out.
local function hand_out(to, id, index, queue, suspect)
  local raw = redis.pcall('GET', record_key(id))
  local body, payload = body_of(raw)
  if not body or string.byte(raw, 2) ~= QUEUED then
    damaged(id, index, queue)
    return false
  end
  if has_expired(id, raw) then return false end
  local token, flags = next_token(), string.byte(raw, 3)
  if suspect then flags = with(flags, BEGUN) end
  redis.call('SETRANGE', record_key(id), 1,
    struct.pack(CLAIM, STARTED, flags, string.byte(raw, 4), token, to.seat, NOW))
  change(index, id, false)
  change(P .. 'started:' .. queue, id, string.format('%.0f', token))
  hold(to.executor, id, true)
  local got = to.got
  got[#got + 1], got[#got + 2], got[#got + 3] = id, token, #raw == body and raw or string.sub(raw, 1, body)
  to.room, to.bytes = to.room - 1, to.bytes + payload
  return true
end

-- The oldest suspect of a queue, alone in its executor, one at a time per worker (rule 23).
local function take_suspect(to, queue)
  local index = P .. 'suspects:' .. queue
  for _, id in ipairs(redis.call('ZRANGE', index, 0, 9)) do
    if hand_out(to, id, index, queue, true) then
      redis.call('HSET', P .. 'worker:' .. to.worker, 'suspect', id)
      return true
    end
  end
  return false
end

-- Unsuspected jobs with the lowest scores. True if it stopped before the end though there was room.
local function take_queued(to, queue)
  local index, room = P .. 'queued:' .. queue, to.room
  local ids = redis.call('ZRANGE', index, 0, room - 1)
  for _, id in ipairs(ids) do
    if to.bytes > TURN_BYTES then return true end
    hand_out(to, id, index, queue, false)
  end
  return #ids == room and to.room > 0 and redis.call('ZCARD', index) > room
end

-- Whether the claimer may take a suspect: it holds nothing, and its worker runs none.
local function is_free(to)
  return #to.got == 0 and redis.call('HLEN', P .. 'x:' .. to.executor) == 1
    and redis.call('HEXISTS', P .. 'worker:' .. to.worker, 'suspect') == 0
end

-- Whether the claimer runs a suspect: nothing is handed out beside it.
local function runs_suspect(to)
  local id = redis.call('HGET', P .. 'worker:' .. to.worker, 'suspect')
  return id and redis.call('HEXISTS', P .. 'x:' .. to.executor, id) == 1
end

-- Fills the claimer from these queues. Returns `more` and `alone` of a turn.
local function claim(to, queues)
  local alone = false
  if to.room <= 0 or #queues == 0 then return false, false end
  local is_barred = runs_suspect(to)
  local paused = redis.call('SMISMEMBER', P .. 'paused', unpack(queues))
  for n, queue in ipairs(queues) do
    if paused[n] == 0 then
      if redis.call('EXISTS', P .. 'suspects:' .. queue) == 1 then
        if is_free(to) and take_suspect(to, queue) then return false, false end
        alone = true
      end
      if to.room > 0 and not is_barred and take_queued(to, queue) then return true, alone end
    end
  end
  return false, alone
end
