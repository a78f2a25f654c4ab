-- Commands to workers, kept until a beat acknowledges them: a sorted set per worker, scored by number.
--- @include parts/hints
--- @include parts/look

local function command(worker, name, token, id)
  local number = redis.call('HINCRBY', P .. 'worker:' .. worker, 'command', 1)
  redis.call('ZADD', P .. 'commands:' .. worker, number, struct.pack('<I4I7B', number, token, #name) .. name .. id)
  hint(worker)
  return number
end
