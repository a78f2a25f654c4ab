-- Commands to workers, kept until a beat acknowledges them: a sorted set per worker, scored by number.
--- @include parts/hints
--- @include parts/look

local function command(worker, name, token, id)
  local number = redis.call('HINCRBY', P .. 'worker:' .. worker, 'command', 1)
  redis.call('ZADD', P .. 'commands:' .. worker, number, struct.pack('<I4I7B', number, token, #name) .. name .. id)
  hint(worker)
  return number
end

-- A worker gets what it was told under its former id and has not done. Claims that were taken away were its former self's.
local function inherit(worker, former)
  local told = P .. 'commands:' .. former
  for _, raw in ipairs(redis.call('ZRANGE', told, 0, -1)) do
    local size = #raw >= 12 and struct.unpack('B', raw, 12) or #raw
    local name = string.sub(raw, 13, 12 + size)
    if #name > 0 and name ~= 'lost' then
      command(worker, name, 0, '')
      redis.call('ZREM', told, raw)
    end
  end
end

-- Those to a worker, oldest first. What else stands there, because somebody wrote it, is no command: it would be acknowledged
-- under a number that others have still to get.
local function commands_to(worker)
  local last = tonumber(redis.call('HGET', P .. 'worker:' .. worker, 'command') or 0)
  local kept, found = redis.call('ZRANGE', P .. 'commands:' .. worker, 0, -1, 'WITHSCORES'), {}
  for n = 1, #kept, 2 do
    local raw, score = kept[n], tonumber(kept[n + 1])
    if #raw >= 12 and score <= last and struct.unpack('<I4', raw) == score then found[#found + 1] = raw end
  end
  return found
end
