-- Commands to workers, kept until a beat acknowledges them: a sorted set per worker, scored by number.
--- @include parts/hints
--- @include parts/look

local function command(worker, name, token, id)
  local number = redis.call('HINCRBY', P .. 'worker:' .. worker, 'command', 1)
  redis.call('ZADD', P .. 'commands:' .. worker, number, struct.pack('<I4I7B', number, token, #name) .. name .. id)
  hint(worker)
  return number
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
