-- Tells children that a parent ended.
--- @include parts/end_job

-- entries of children that are none any more, per call: they cost time too
--- @constant STALE 1000
-- ends that are passed over per call, because a child of theirs cannot be told now
--- @constant PASSED 100

-- Up to `room` children, each once: told and removed in one step. True if there may be more that can be told.
-- Its functions are made only if something fires.
local function fire(room)
  if not fires then return false end
  local stale, at = STALE, 0

  -- What a child that waits for it hears of a parent that did not finish: `met`, `unmet` (still waiting) or `lost`.
  local function wait_on(parent, how, number)
    local mark = redis.call('ZSCORE', P .. 'firing:gone', parent)
    local job = how ~= GONE and not (mark and tonumber(mark) > number) and read(parent)
    if not job then return 'lost' end
    return job.state == FINISHED and 'met' or 'unmet'
  end

  local function verdict(child, parent, how, number)
    if how == FINISHED or policy(child) == RUN then return 'met' end
    return policy(child) == WAIT and wait_on(parent, how, number) or 'lost'
  end

  -- What is told to one child.
  local function fire_child(child, parent, how, number)
    local heard = verdict(child, parent, how, number)
    if heard == 'lost' then
      end_job(child, CANCELED, DEPENDENCY)
    elseif heard == 'unmet' then
      adopt(parent, {child.token, child.id})
    else
      child.pending = child.pending - 1
      if child.pending == 0 then ready_job(child) else write(child) end
    end
  end

  -- An entry whose children have all been told. Marks may still be needed by those that were passed over before it.
  local function remove_entry(entry, number)
    redis.call('LREM', P .. 'firing', 1, entry)
    if at == 0 then redis.call('ZREMRANGEBYSCORE', P .. 'firing:gone', '-inf', string.format('%.0f', number)) end
    if redis.call('EXISTS', P .. 'firing') == 0 then redis.call('DEL', P .. 'firing:gone') end
  end

  -- Tells children of an entry, and passes over those that are none any more (they were canceled, deleted or made anew).
  -- True if one stands in the way: it cannot be told now.
  local function fire_entry(entry)
    local set, how, parent = P .. 'firing:' .. entry, string.byte(entry), string.sub(entry, 9)
    local number, told, blocked = struct.unpack('<I7', entry, 2), 0, false
    local children = redis.pcall('ZRANGE', set, 0, math.min(room, stale) - 1, 'WITHSCORES')
    local waiting = redis.pcall('ZCARD', P .. 'children:' .. parent)
    if children.err or type(waiting) == 'table' then return true end
    for n = 1, #children, 2 do
      local child = read(children[n])
      local waits = child and child.state == DEFERRED and child.token == tonumber(children[n + 1])
      blocked = waits and not may_end(child)
      if blocked then break end
      if waits then fire_child(child, parent, how, number) end
      if waits then room = room - 1 else stale = stale - 1 end
      told = told + 1
    end
    if told > 0 then redis.call('ZREMRANGEBYRANK', set, 0, told - 1) else stale = stale - 1 end
    if redis.call('EXISTS', set) == 0 then remove_entry(entry, number) end
    return blocked
  end

  while at < PASSED do
    local entry = redis.call('LINDEX', P .. 'firing', at)
    if not entry then return false end
    if room == 0 or stale <= 0 then return true end
    if fire_entry(entry) then at = at + 1 end
  end
  return false
end
