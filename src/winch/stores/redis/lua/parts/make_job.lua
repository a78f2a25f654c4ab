-- Jobs that the store itself creates: those of callbacks, and of the completion of groups.
--- @include parts/queue_job
--- @include parts/extra
--- @include parts/ids

-- Creates a job at the front of its queue; nothing happens if it waits or runs already. `like` has its other options.
local function make_job(id, queue, payload, extra, features, like)
  local old = read(id)
  if old and not is_ended(old) then return end
  if old then leave(old) end
  queue_job({
    id = id, flags = 0, features = features, token = 0, seat = 0, started = 0, attempts = 0, fails = 0, crashes = 0,
    max_crashes = like.max_crashes, priority = like.priority, reason = 0, pending = 0, score = 0, created = NOW,
    enqueued = 0, ended = 0, due = 0, ttl = 0, result_ttl = like.result_ttl, failure_ttl = like.failure_ttl,
    queue = queue, payload_size = #payload, meta_size = 0, extra_size = #extra,
    body = queue .. payload .. extra, result = '', history = '',
  }, true)
end
