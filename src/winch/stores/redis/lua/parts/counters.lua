-- The counters of the store: tokens, and the two ends of all queues. Read once, written once.
--- @include parts/look

local COUNTERS = {'token', 'back', 'front'}
local counters

local function count()
  if not counters then
    local kept = look('HMGET', P .. 'store', 'token', 'back', 'front', 'schema')
    counters = {token = tonumber(kept[1] or 0), back = tonumber(kept[2] or 0), front = tonumber(kept[3] or 0),
                kept = kept}
  end
  return counters
end

-- A token: larger than every one before, also after the server lost its last writes.
local function next_token()
  local c = count()
  c.token = math.max(MICROS, c.token + 1)
  return c.token
end

local function next_score(priority, at_front)
  local c = count()
  if at_front then
    c.front = c.front - 1
    return c.front - priority * 17592186044416 -- 2^44
  end
  c.back = c.back + 1
  return c.back - priority * 17592186044416
end

-- A server that lost its data gets its schema back with the first write.
local function save_counters()
  local c = counters
  if not c then return end
  local changed = {}
  for n, name in ipairs(COUNTERS) do
    if c[name] ~= tonumber(c.kept[n] or 0) then changed[#changed + 1], changed[#changed + 2] = name, c[name] end
  end
  if not c.kept[4] then changed[#changed + 1], changed[#changed + 2] = 'schema', SCHEMA end
  if #changed > 0 then redis.call('HSET', P .. 'store', unpack(changed)) end
  counters = nil
end
