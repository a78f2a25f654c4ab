-- A worker goes: with its executors, whose claims lapse.
--- @include parts/lapse

--- @constant REMEMBERED_MS 3600000

-- Nothing is left of it but its channel, which refuses its id for an hour.
local function forget_worker(worker)
  local channel = P .. 'ch:' .. worker
  if redis.call('PEXPIRE', channel, REMEMBERED_MS) == 0 then
    redis.call('SET', channel, struct.pack('<i8', -1) .. cmsgpack.pack(false), 'PX', REMEMBERED_MS)
  end
  redis.call('SREM', P .. 'workers', worker)
  redis.call('DEL', P .. 'worker:' .. worker, P .. 'info:' .. worker, P .. 'crew:' .. worker, P .. 'commands:' .. worker, P .. 'hint:' .. worker)
end

local function dismiss_worker(worker, crashed)
  local name = redis.call('HGET', P .. 'worker:' .. worker, 'name') or ''
  local crew, claims = redis.call('LRANGE', P .. 'crew:' .. worker, 0, -1), {}
  for _, executor in ipairs(crew) do claims_of(executor, claims) end
  local charged, suspects = nil, {}
  if crashed then charged, suspects = blamed_for_worker(claims) end
  lapse_all(claims, name, crashed, charged, suspects, '')
  flush()
  for _, executor in ipairs(crew) do
    local seat = enlistment(executor)
    if seat then dismiss_executor(executor, seat, worker) end
  end
  forget_worker(worker)
end
