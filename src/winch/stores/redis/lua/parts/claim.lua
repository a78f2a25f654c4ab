-- Claiming: look, read each record in a protected call, then remove (rule 11).
--- @include parts/end_job
--- @include parts/damage
--- @include parts/plain

-- where a turn stops to look for more when all that it has seen was expired, damaged or is blocked now
--- @constant SCAN 200

-- Who claims, and what it has got: id, token, record, id, token, record ...
local function claimer(executor, seat, worker, room)
  return {executor = executor, seat = seat, worker = worker, room = room, bytes = 0, got = {}}
end

-- The job of a record if it has waited too long for its first run.
local function expired(id, raw, start)
  local _, ttl = terms_of(raw, start)
  if ttl == 0 then return nil end
  local job = decode(id, raw)
  return job and job.fails + job.crashes + job.attempts == 0 and job.enqueued + job.ttl <= NOW and job or nil
end

-- Whether a job is handed out that is late, has limits, or is none (nil: it is damaged or gone). As `hand_out`.
local function consider(id, job, index, queue, is_late)
  if job and has(job.features, LIMITED) then
    local is_well, trouble = pcall(limiting().look, job)
    if not is_well then troubled[queue] = trouble end
  end
  if not is_sound(queue) or (is_late and not may_end(job)) then return nil end
  if job and not is_late then return limiting().admit(job) end
  if job then end_job(job, CANCELED, EXPIRED) else damaged(id, index, queue) end
  return false
end

-- Hands out the job of an id that `index` lists. If it cannot be handed out it leaves the queue: false; or it stays, as the
-- queue is in trouble: nil.
local function hand_out(to, id, index, queue, suspect)
  local raw = redis.pcall('GET', record_key(id))
  local start, body, payload = body_of(raw)
  local is_queued = body and string.byte(raw, 2) == QUEUED
  local late = is_queued and expired(id, raw, start)
  local flags, features = string.byte(is_queued and raw or '', 3, 4)
  if not is_queued or late or has(features, LIMITED) then
    local is_out = consider(id, late or is_queued and decode(id, raw), index, queue, late)
    if not is_out then
      to.bytes = to.bytes + (payload or 0)
      return is_out
    end
  end
  local token = next_token()
  if suspect then flags = with(flags, BEGUN) end
  redis.call('SETRANGE', record_key(id), 1,
    struct.pack(CLAIM, STARTED, flags, features, token, to.seat, NOW))
  change(index, id, false)
  change(looked[queue][STARTED], id, string.format('%.0f', token))
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
    local is_out = hand_out(to, id, index, queue, true)
    if is_out then redis.call('HSET', P .. 'worker:' .. to.worker, 'suspect', id) end
    if is_out ~= false then return is_out end
  end
  return false
end

-- Unsuspected jobs with the lowest scores. True if it stopped before the end though there was room.
local function take_queued(to, queue, ids)
  local index, asked, seen = P .. 'queued:' .. queue, to.room, 0
  while true do
    for _, id in ipairs(ids) do
      if to.bytes > TURN_BYTES then return true end
      if to.room == 0 or hand_out(to, id, index, queue, false) == nil then return false end
    end
    if to.room == 0 or #ids < asked then return false end
    seen, asked = seen + asked, 100
    if seen >= SCAN then return redis.call('ZCARD', index) > seen end
    ids = redis.call('ZRANGE', index, seen, seen + asked - 1)
  end
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

-- The number of a queue's suspects, and the first `room` ids of its other jobs: none if it is in trouble.
local function heads_of(queue, room)
  if troubled[queue] then return 0, {} end
  local suspects = redis.pcall('ZCARD', P .. 'suspects:' .. queue)
  local ids = room > 0 and redis.pcall('ZRANGE', P .. 'queued:' .. queue, 0, room - 1) or {}
  local is_well = type(suspects) == 'number' and not ids.err
  if is_well and (looked[queue] or (suspects == 0 and #ids == 0) or pcall(look_at_way, queue)) then return suspects, ids end
  is_sound(queue) -- notes the trouble
  return 0, {}
end

-- Fills the claimer from one queue. Returns `more` and `alone` of a turn, and whether it has got a suspect.
local function claim_from(to, queue, is_barred)
  local suspects, ids = heads_of(queue, is_barred and 0 or to.room)
  local alone = false
  if suspects > 0 then
    local may_take = is_free(to)
    if may_take and take_suspect(to, queue) then return false, false, true end
    alone = not (may_take or troubled[queue])
  end
  return #ids > 0 and not troubled[queue] and take_queued(to, queue, ids), alone, false
end

-- Fills the claimer from these queues. Returns `more` and `alone` of a turn.
local function claim(to, queues)
  local alone = false
  if to.room <= 0 or #queues == 0 then return false, false end
  local is_barred = runs_suspect(to)
  for first, last in chunks(queues, GROUP) do
    if existing('suspects:', queues, first, last) > 0
      or (to.room > 0 and existing('queued:', queues, first, last) > 0) then
      for n = first, last do
        if not (end_of_pause and is_paused(queues[n])) then
          local more, waits, is_alone = claim_from(to, queues[n], is_barred)
          if is_alone then return false, false end
          alone = alone or waits
          if more then return true, alone end
        end
      end
    end
  end
  return false, alone
end
