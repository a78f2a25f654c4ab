-- A worker goes: with its executors, whose claims lapse.
--- @include parts/lapse

--- @constant REMEMBERED_MS 3600000

-- What is left of it for an hour: its channel, which refuses its id, and what it was told and has not done.
local function forget_worker(worker)
  local channel = P .. 'ch:' .. worker
  if redis.call('PEXPIRE', channel, REMEMBERED_MS) == 0 then
    redis.call('SET', channel, struct.pack('<i8', -1) .. cmsgpack.pack(false), 'PX', REMEMBERED_MS)
  end
  redis.call('SREM', P .. 'workers', worker)
  redis.call('DEL', P .. 'worker:' .. worker, P .. 'info:' .. worker, P .. 'crew:' .. worker, P .. 'hint:' .. worker)
  redis.call('PEXPIRE', P .. 'commands:' .. worker, REMEMBERED_MS)
end

-- Before the first write: a worker that is to go, with all that its executors hold.
local function look_at_leaving(worker)
  look_at_worker(worker)
  look('SCARD', P .. 'workers')
  local name, suspect = unpack(look('HMGET', P .. 'worker:' .. worker, 'name', 'suspect'))
  local crew, claims, broken, is_lost = look('LRANGE', P .. 'crew:' .. worker, 0, -1), {}, {}, false
  for _, executor in ipairs(crew) do
    local found
    found, broken[executor] = look_at_claims(executor)
    for _, job in ipairs(found) do claims[#claims + 1] = job end
    for _, claim in ipairs(broken[executor]) do is_lost = is_lost or claim.id == suspect end
  end
  table.sort(claims, by_token)
  return {id = worker, name = name or '', crew = crew, claims = claims, broken = broken, is_lost = is_lost}
end

local function dismiss_worker(leaving, crashed)
  local claims, charged, suspects = leaving.claims, nil, {}
  if crashed then charged, suspects = blamed_for_worker(claims, leaving.is_lost) end
  lapse_all(claims, leaving.name, crashed, charged, suspects, '')
  for _, executor in ipairs(leaving.crew) do drop_claims(leaving.broken[executor], executor, leaving.id) end
  flush()
  for _, executor in ipairs(leaving.crew) do
    local seat = enlistment(executor)
    if seat then dismiss_executor(executor, seat, leaving.id) end
  end
  forget_worker(leaving.id)
end
