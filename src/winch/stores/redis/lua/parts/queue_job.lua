-- The ways into `queued` and `scheduled`.
--- @include parts/indexes

-- Joins its queue anew.
local function queue_job(job, at_front)
  leave(job)
  job.score = next_score(job.priority, at_front)
  job.enqueued, job.due, job.flags = NOW, 0, without(job.flags, FRONT)
  enter(job, QUEUED)
end

local function schedule_job(job, due)
  leave(job)
  job.due = due
  enter(job, SCHEDULED)
end

-- Nothing to wait for any more but its time.
local function ready_job(job)
  if job.due > NOW then schedule_job(job, job.due) else queue_job(job, has(job.flags, FRONT)) end
end

-- Back to its old place, as if it had never been claimed.
local function give_back(job)
  leave(job)
  enter(job, QUEUED)
end
