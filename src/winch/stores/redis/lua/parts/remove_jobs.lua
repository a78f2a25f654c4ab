-- Removes jobs for people: the worker of a running one is told.
--- @include parts/end_job
--- @include parts/damage
--- @include parts/lose

-- Before the first write: the jobs of these ids, each once, and the ids whose records cannot be read.
local function read_all(ids)
  local jobs, unreadable, seen = {}, {}, {}
  look_around()
  for _, id in ipairs(ids) do
    local job, bad = read(id)
    if bad and not seen[id] then unreadable[#unreadable + 1] = id end
    if job and not seen[id] and not is_over(job) then
      jobs[#jobs + 1] = job
      look_at_job(job)
      look_at_loser(job)
    end
    seen[id] = true
  end
  if #unreadable > 0 then look_everywhere() end
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
