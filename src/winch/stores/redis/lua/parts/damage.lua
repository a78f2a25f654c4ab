-- Claims and indexes whose records cannot be read.
--- @include parts/indexes

-- Claims whose records are damaged, gone, or somebody else's by now: before the first write, which queue lists each.
local function look_at_broken(ids)
  local found, queues = {}, #ids > 0 and look('SMEMBERS', P .. 'queues') or {}
  for n, id in ipairs(ids) do
    local job = read(id)
    found[n] = {id = id}
    for _, queue in ipairs(job and job.state == STARTED and {} or queues) do
      if look('ZSCORE', P .. 'started:' .. queue, id) then
        look_at(queue)
        found[n].queue = queue
      end
    end
  end
  return found
end

-- Such claims end with their entries; what is damaged is listed as failed. `executor` holds them, a worker's suspect too.
local function drop_claims(broken, executor, worker)
  for _, claim in ipairs(broken) do
    hold(executor, claim.id, false)
    if redis.call('HGET', P .. 'worker:' .. worker, 'suspect') == claim.id then
      redis.call('HDEL', P .. 'worker:' .. worker, 'suspect')
    end
    if claim.queue then damaged(claim.id, P .. 'started:' .. claim.queue, claim.queue) end
  end
end

-- Before `remove_damaged`.
local function look_everywhere()
  for _, queue in ipairs(look('SMEMBERS', P .. 'queues')) do look_at(queue) end
end

-- Takes a damaged record out of the index that lists it, whichever that is.
local function remove_damaged(id)
  for _, queue in ipairs(redis.call('SMEMBERS', P .. 'queues')) do
    for state = SCHEDULED, STOPPED do redis.call('ZREM', P .. STATES[state] .. queue, id) end
    redis.call('ZREM', P .. 'suspects:' .. queue, id)
    timers[queue] = true
  end
  redis.call('DEL', record_key(id))
end
