-- A running job is taken from its executor: the worker is told. Before the job leaves `started`.
--- @include parts/indexes
--- @include parts/command

-- Before the first write: who will be told.
local function look_at_loser(job)
  if job.state ~= STARTED then return end
  local _, worker = holder_of(job)
  if worker then look_at_worker(worker) end
end

local function lose(job)
  if job.state ~= STARTED then return end
  local _, worker = holder_of(job)
  if worker then command(worker, 'lost', job.token, job.id) end
end
