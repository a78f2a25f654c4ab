-- Looks before the first write (rule 12). The server undoes nothing, so a key of a wrong type has to refuse a call before
-- it has changed anything. What a call can do without is passed over instead: the queues that it only claims from or cleans,
-- and the children that it tells of an end. Beats name the keys in trouble.
--- @include parts/record

local looked = {}    -- queue -> keys of its indexes by state, and whether the look was at all of it
local troubled = {}  -- queue -> what was wrong with it
local fires = false  -- whether something fires

-- The answer of a reading command, whose error refuses the call.
local function look(command, key, ...)
  local answer = redis.pcall(command, key, ...)
  if type(answer) == 'table' and answer.err then
    error(string.find(answer.err, 'WRONGTYPE', 1, true) and 'WRONGTYPE ' .. key or answer.err, 0)
  end
  return answer
end

-- A queue in which jobs may move from `started` to `finished`.
local function look_at_way(queue)
  local keys = looked[queue]
  if keys then return keys end
  keys = {[STARTED] = P .. 'started:' .. queue, [FINISHED] = P .. 'finished:' .. queue}
  look('ZCARD', keys[STARTED])
  look('ZCARD', keys[FINISHED])
  looked[queue] = keys
  return keys
end

-- A queue in which jobs may move from anywhere to anywhere, also those whose end tells children.
local function look_at(queue)
  local keys = look_at_way(queue)
  if keys.is_whole then return end
  for state = SCHEDULED, STOPPED do
    if not keys[state] then look('ZCARD', P .. STATES[state] .. queue) end
  end
  look('ZCARD', P .. 'suspects:' .. queue)
  look('ZCARD', P .. 'firing:gone')
  keys.is_whole = true
end

-- The same at any time and without a refusal. A queue in trouble is left alone by this call, as if it were paused.
local function is_sound(queue)
  if troubled[queue] then return false end
  if looked[queue] and looked[queue].is_whole then return true end
  local is_well, trouble = pcall(look_at, queue)
  if not is_well then troubled[queue] = trouble end
  return is_well
end

local function look_at_firing()
  fires = look('LINDEX', P .. 'firing', 0) ~= false
  if fires then look('ZCARD', P .. 'firing:gone') end
end

-- What every script needs that moves jobs.
local function look_around()
  look('ZCARD', P .. 'paused')
  look('ZCARD', P .. 'due')
  look('HLEN', P .. 'seats')
  look_at_firing()
end

-- A worker that may be told something, or lose an executor.
local function look_at_worker(worker)
  look('HLEN', P .. 'worker:' .. worker)
  look('ZCARD', P .. 'commands:' .. worker)
  look('LLEN', P .. 'crew:' .. worker)
end

-- How many of the queues from `first` to `last` have a key of this kind: of fifty at one look, for a worker may name a thousand.
--- @constant GROUP 50
local function existing(kind, queues, first, last)
  local keys, start = {}, P .. kind
  for n = first, last do keys[n - first + 1] = start .. queues[n] end
  return redis.call('EXISTS', unpack(keys))
end
