-- A turn in which plain jobs finish, some begin, and plain jobs are claimed (contract: HotPath.turn; PROTOCOL rule 10). Whatever else a
-- turn may meet is `turn_any`'s: this script notices it before it has changed anything. As in `enqueue`, it has few functions.
--
-- KEYS[1]  prefix
-- ARGV     those of `turn_any`, "strict"
--
-- Guard    those of `turn_any`. At maxmemory the whole turn is refused.
-- Returns  what `turn_any` does
-- Errors   UNUSUAL (call `turn_any`)
--- @include parts/call
--- @include parts/plain
--- @include parts/metrics

local EXECUTOR, ROOM = ARGV[1], tonumber(ARGV[4])
local FIRST_BEGIN = 9 + 3 * ARGV[5]
local FIRST_QUEUE = FIRST_BEGIN + 2 * ARGV[6]
local FIRST_TALLY = FIRST_QUEUE + 2 * ARGV[7]
local UNUSUAL = redis.error_reply('UNUSUAL')

local place = redis.call('HGET', P .. 'x:' .. EXECUTOR, '')
if not place or earlier_answer() then return UNUSUAL end
local seat, worker = struct.unpack(PLACE, place)
local name, suspect = unpack(redis.call('HMGET', P .. 'worker:' .. worker, 'name', 'suspect'))
local last_token, schema, suspects, has_long = unpack(redis.call('HMGET', P .. 'store', 'token', 'schema', 'suspects', 'long'))
if suspect or redis.call('EXISTS', P .. 'firing', P .. 'paused') > 0 then return UNUSUAL end

-- What a record begins with, all of it if it is short; and its size. Lua hashes every byte of each string that it makes: where
-- there are long records it is given no more than that.
local function beginning_of(key)
  local raw = has_long and redis.call('GETRANGE', key, '0', LAST_OF_SHORT) or redis.call('GET', key) or ''
  return raw, has_long and #raw >= LONG and redis.call('STRLEN', key) or #raw
end

-- Milliseconds until the first job of these queues is due, -1 if there is none.
local function until_due()
  if redis.call('EXISTS', P .. 'due') == 0 then return -1 end
  local first = math.huge
  for group = FIRST_QUEUE, FIRST_TALLY - 1, 2 do
    for _, at in ipairs(redis.call('ZMSCORE', P .. 'due', unpack(cmsgpack.unpack(ARGV[group])))) do
      if at then first = math.min(first, at) end
    end
  end
  return first < math.huge and math.max(first - NOW, 0) or -1
end

-- What gathers for the writes: by index the members that leave it and those that join it with their scores; records, and
-- those that are not put together here; and what claims make of records.
local leaving, joining, written, long, dropped, claimed = {}, {}, {}, {}, {}, {}

local function list_of(lists, index)
  local list = lists[index]
  if not list then
    list = {}
    lists[index] = list
  end
  return list
end

local ended, run = {}, 0

-- Takes note of an outcome. False if it is not plain.
local function finish(id, packed, result)
  local key = P .. 'j:' .. id
  local raw, size = beginning_of(key)
  local is_whole = #raw == size
  local is_short = is_whole and #result < LONG
  local record, from, queue, due, took = plain_end(raw, size, packed, result, seat, name or '', is_short)
  if not record or ended[id] or (from == SIZE and not is_whole) then return false end
  ended[id], ended[#ended + 1], run = true, id, run + took
  local keys = look_at_way(queue)
  local started = list_of(leaving, keys[STARTED])
  started[#started + 1] = id
  if record == '' then
    dropped[#dropped + 1] = key
    return true
  end
  local finished = list_of(joining, keys[FINISHED])
  finished[#finished + 1], finished[#finished + 2] = due, id
  if is_short then
    written[#written + 1], written[#written + 2] = key, record
  else
    long[#long + 1] = {key, record, size, is_whole and string.sub(raw, from + 1), result}
  end
  return true
end

-- Takes note that a job has begun, if it is held.
local function begin(id, token)
  local key = P .. 'j:' .. id
  local raw, size = beginning_of(key)
  if ended[id] or not body_of(raw, size) then return end
  local state, flags, features, held, place = struct.unpack(CLAIM, raw, 2)
  if state == STARTED and held == tonumber(token) and place == seat then
    claimed[#claimed + 1], claimed[#claimed + 2] = key, struct.pack(CLAIM, STARTED, with(flags, BEGUN), features, held, seat, NOW)
  end
end

local token, room, bytes, more = math.max(MICROS, (last_token or 0) + 1), math.max(ROOM, 0), 0, false
local got, heads = {}, {}

-- Takes note of the claims of a queue's first jobs. False if they are not all plain.
local function claim_from(queue)
  local ids, count = redis.call('ZRANGE', P .. 'queued:' .. queue, 0, room - 1), 0
  if #ids == 0 then return true end
  local started, first = list_of(joining, look_at_way(queue)[STARTED]), token
  while count < #ids and room > 0 and bytes <= TURN_BYTES do
    local id = ids[count + 1]
    local key = P .. 'j:' .. id
    local raw, size = beginning_of(key)
    local flags, features, body, payload = plain_claim(raw, size)
    if not flags then return false end
    claimed[#claimed + 1], claimed[#claimed + 2] = key, struct.pack(CLAIM, STARTED, flags, features, token, seat, NOW)
    if #raw < size then raw = '' elseif size > body then raw = string.sub(raw, 1, body) end
    got[#got + 1], got[#got + 2], got[#got + 3] = id, token, raw
    token, room, bytes, count = token + 1, room - 1, bytes + payload, count + 1
  end
  if count > 0 then heads[queue] = count end
  -- From the highest score to the lowest: in a small set the place of each is then the first that is looked at.
  for n = count, 1, -1 do started[#started + 1], started[#started + 2] = first + n - 1, ids[n] end
  more = count < #ids
  return true
end

-- Whether one of a group of queues lacks its marker. Their keys are given, for to make them is most of what a look takes; an
-- empty text where no marker can have been taken.
local function lacks_marker(group)
  if ARGV[group + 1] == '' then return false end
  local markers = cmsgpack.unpack(ARGV[group + 1])
  return redis.call('EXISTS', unpack(markers)) < #markers
end

-- The marker of a queue that has jobs is pushed if it is absent (rule 29).
local function mark(queue)
  local marker = P .. 'marker:' .. queue
  if redis.call('EXISTS', marker) == 0 and redis.call('EXISTS', P .. 'queued:' .. queue) == 1 then
    redis.call('RPUSH', marker, '1')
  end
end

local next_due, watched = until_due(), {}
if next_due == 0 then return UNUSUAL end
for n = 9, FIRST_BEGIN - 1, 3 do
  if not finish(ARGV[n], ARGV[n + 1], ARGV[n + 2]) then return UNUSUAL end
end
for n = FIRST_BEGIN, FIRST_QUEUE - 1, 2 do begin(ARGV[n], ARGV[n + 1]) end
for group = FIRST_QUEUE, FIRST_TALLY - 1, 2 do
  -- Once nothing more is claimed, a group of queues that lack no marker needs no other look.
  if suspects or (room > 0 and not more) or lacks_marker(group) then
    local queues = cmsgpack.unpack(ARGV[group])
    if suspects and existing('suspects:', queues, 1, #queues) > 0 then return UNUSUAL end
    if existing('queued:', queues, 1, #queues) > 0 then
      watched[group] = queues
      for _, queue in ipairs(queues) do
        if room > 0 and not more and not claim_from(queue) then return UNUSUAL end
      end
    end
  end
end
if FIRST_TALLY < #ARGV then look_at_rows() end

-- Writes a long record in parts: `record` is without its segments, which are given if they move, and its result. A text that
-- grows is given twice the room, its copy is not.
local function write_long(key, record, size, segments, result)
  local head = string.sub(record, 1, ONCE_FINISHED_SIZE)
  if segments then
    redis.call('SET', key, head .. segments)
    size = ONCE_FINISHED_SIZE + #segments
  else
    redis.call('SETRANGE', key, 0, head)
  end
  redis.call('SETRANGE', key, size, result)
  redis.call('SETRANGE', key, size + #result, string.sub(record, ONCE_FINISHED_SIZE + 1))
  redis.call('COPY', key, P .. 'copy', 'REPLACE')
  redis.call('RENAME', P .. 'copy', key)
end

needs_memory()
if #written > 0 then redis.call('MSET', unpack(written)) end
for _, parts in ipairs(long) do write_long(unpack(parts)) end
if #dropped > 0 then redis.call('DEL', unpack(dropped)) end
for n = 1, #claimed, 2 do redis.call('SETRANGE', claimed[n], '1', claimed[n + 1]) end
for queue, count in pairs(heads) do redis.call('ZREMRANGEBYRANK', P .. 'queued:' .. queue, 0, count - 1) end
-- First those that join: a set that has grown past 128 members is kept as a skip list, a smaller one is searched from its head.
for index, members in pairs(joining) do
  if #members > 0 then redis.call('ZADD', index, unpack(members)) end
end
for index, members in pairs(leaving) do redis.call('ZREM', index, unpack(members)) end
if #ended > 0 then
  redis.call('HDEL', P .. 'x:' .. EXECUTOR, unpack(ended))
  add_to_worker(worker, #ended, 0, run)
end
local held, claims = {}, {}
for n = 1, #got, 3 do
  held[#held + 1], held[#held + 2] = got[n], ''
  claims[#claims + 1], claims[#claims + 2] = got[n], got[n + 1]
end
if #held > 0 then
  redis.call('HSET', P .. 'x:' .. EXECUTOR, unpack(held))
  redis.call('HSET', P .. 'store', 'token', token - 1)
end
if not schema then redis.call('HSET', P .. 'store', 'schema', SCHEMA) end
add_tally(FIRST_TALLY, ARGV[8])
for queue in pairs(heads) do mark(queue) end
for group, queues in pairs(watched) do
  if lacks_marker(group) then
    for _, queue in ipairs(queues) do mark(queue) end
  end
end
keep({NOW, next_due, more and 1 or 0, 0, {}, claims})
return {NOW, next_due, more and 1 or 0, 0, {}, got}
