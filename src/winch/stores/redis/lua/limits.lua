-- How limits stand (contract: Control.limits). Reads only.
--
-- KEYS[1]  prefix
-- ARGV[1]  "1" for all keys that jobs wait for, up to 1,000 of each queue; else the keys follow
-- ARGV[2 ...]  keys
--
-- Returns  key, running, waiting, milliseconds until the bucket is full, key ...
--- @include parts/base

local function waited_keys()
  local seen, keys = {}, {}
  for _, queue in ipairs(redis.call('SMEMBERS', P .. 'queues')) do
    for _, key in ipairs(redis.call('ZRANGE', P .. 'waits:' .. queue, 0, 999)) do
      if not seen[key] then
        seen[key] = true
        keys[#keys + 1] = key
      end
    end
  end
  return keys
end

local keys, answer = {}, {}
for n = 2, #ARGV do keys[n - 1] = ARGV[n] end
for _, key in ipairs(ARGV[1] == '1' and waited_keys() or keys) do
  local waiting, full_at = 0, tonumber(redis.call('GET', P .. 'bucket:' .. key) or 0)
  for _, queue in ipairs(redis.call('SMEMBERS', P .. 'waiting:' .. key)) do
    waiting = waiting + redis.call('ZCARD', P .. 'waiters:' .. queue .. '\n' .. key)
  end
  local row = {key, redis.call('SCARD', P .. 'slots:' .. key), waiting, math.max(0, math.ceil(full_at / 1000) - NOW)}
  for _, value in ipairs(row) do answer[#answer + 1] = value end
end
return answer
