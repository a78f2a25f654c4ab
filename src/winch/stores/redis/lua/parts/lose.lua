-- A running job is taken from its executor: the worker is told. Before the job leaves `started`.
--- @include parts/indexes
--- @include parts/command

local function lose(job)
  if job.state ~= STARTED then return end
  local executor = executor_at(job.seat)
  local _, worker = enlistment(executor or '')
  if worker then command(worker, 'lost', job.token, job.id) end
end
