-- Tells children that a parent ended.
--- @include parts/end_job

-- entries of children that are none any more, per call: they cost time too
--- @constant STALE 1000

-- What a child that waits for it hears of a parent that did not finish: `met`, `unmet` (still waiting) or `lost`.
local function wait_on(parent, how)
  local job = how ~= GONE and read(parent)
  if not job then return 'lost' end
  return job.state == FINISHED and 'met' or 'unmet'
end

local function verdict(child, parent, how)
  if how == FINISHED or policy(child) == RUN then return 'met' end
  return policy(child) == WAIT and wait_on(parent, how) or 'lost'
end

-- One child; false if it is no child any more (it was canceled, deleted or made anew).
local function fire_child(id, token, parent, how)
  local child = read(id)
  if not child or child.state ~= DEFERRED or child.token ~= token then return false end
  local heard = verdict(child, parent, how)
  if heard == 'lost' then
    end_job(child, CANCELED, DEPENDENCY)
  elseif heard == 'unmet' then
    adopt(parent, {token, id})
  else
    child.pending = child.pending - 1
    if child.pending == 0 then ready_job(child) else write(child) end
  end
  return true
end

-- Up to `room` children, each once: removed and counted down in one step. True if there may be more.
local function fire(room)
  local stale = STALE
  while true do
    local entry = redis.call('LINDEX', P .. 'firing', 0)
    if not entry then return false end
    if room == 0 or stale <= 0 then return true end
    local set = P .. 'firing:' .. entry
    local children = redis.call('ZPOPMIN', set, math.min(room, stale))
    if #children == 0 then stale = stale - 1 end
    if redis.call('EXISTS', set) == 0 then redis.call('LPOP', P .. 'firing') end
    local how, parent = string.byte(entry), string.sub(entry, 9)
    for n = 1, #children, 2 do
      if fire_child(children[n], tonumber(children[n + 1]), parent, how) then
        room = room - 1
      else
        stale = stale - 1
      end
    end
  end
end
