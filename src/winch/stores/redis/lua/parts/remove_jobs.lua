-- Removes jobs for people: the worker of a running one is told.
--- @include parts/end_job
--- @include parts/damage
--- @include parts/lose

-- The jobs of these ids, each once, and the ids whose records cannot be read.
local function read_all(ids)
  local jobs, unreadable, seen = {}, {}, {}
  for _, id in ipairs(ids) do
    local job, bad = read(id)
    if bad and not seen[id] then unreadable[#unreadable + 1] = id end
    if job and not seen[id] and not is_over(job) then jobs[#jobs + 1] = job end
    seen[id] = true
  end
  return jobs, unreadable
end

local function remove_jobs(jobs, unreadable)
  for _, job in ipairs(jobs) do
    lose(job)
    vanish(job)
  end
  for _, id in ipairs(unreadable) do remove_damaged(id) end
  return #jobs + #unreadable
end
