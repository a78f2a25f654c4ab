-- Records that cannot be read: out of their index, and listed as failed (rule 11). The record itself stays as it is.
--- @include parts/indexes

-- a year:
--- @constant DAMAGED_MS 31536000000

local function damaged(id, index, queue)
  change(index, id, false)
  if index == P .. 'scheduled:' .. queue then timers[queue] = true end
  local _, unreadable = read(id)
  if unreadable then change(P .. 'failed:' .. queue, id, NOW + DAMAGED_MS) end
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
