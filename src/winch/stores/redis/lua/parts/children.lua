-- Children: those that wait for the end of a job (rule 15).
--
-- `children:<id>` is a sorted set of a parent's children, scored by the token that names the child's incarnation, so in
-- the order in which they came. The end of a parent renames it to `firing:<entry>` and lists the entry in `firing`, both
-- in O(1). An entry is the parent's end state, a number of its own, and the parent's id.
--- @include parts/counters
--- @include parts/look

-- an end state for entries: the parent vanished
--- @constant GONE 9

local function set_feature(id, feature)
  local features = string.byte(redis.call('GETRANGE', record_key(id), 3, 3))
  if features and not has(features, feature) then
    redis.call('SETRANGE', record_key(id), 3, string.char(with(features, feature)))
  end
end

-- Makes children of a parent. `pairs_` is token, id, token, id ...
local function adopt(parent, pairs_)
  for first, last in chunks(pairs_, 1000) do
    redis.call('ZADD', P .. 'children:' .. parent, unpack(pairs_, first, last))
  end
  set_feature(parent, CHILDREN)
end

local function fire_children(job, how)
  if not has(job.features, CHILDREN) then return end
  job.features = without(job.features, CHILDREN)
  if redis.call('EXISTS', P .. 'children:' .. job.id) == 0 then return end
  local entry = struct.pack('<BI7', how, next_token()) .. job.id
  redis.call('RENAME', P .. 'children:' .. job.id, P .. 'firing:' .. entry)
  redis.call('RPUSH', P .. 'firing', entry)
  fires = true
  job.features = with(job.features, FIRING)
end

-- A parent vanishes whose earlier ends may still have children to tell: for them it is gone. Entries are listed in the order
-- of their numbers, so one number says it of all; once the first of the list has come that far the mark is of no use.
local function mark_gone(job)
  if fires and has(job.features, FIRING) then
    redis.call('ZADD', P .. 'firing:gone', string.format('%.0f', next_token()), job.id)
  end
end
