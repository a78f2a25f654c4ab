-- The history: one entry per ended run, the newest 10, oldest first.
--
--   length of the rest | started ended outcome reason length of the worker's name | name detail
--- @include parts/record

--- @constant HISTORY 10

local function trim(history)
  local starts, at = {}, 1
  while at <= #history do
    starts[#starts + 1] = at
    at = at + 4 + struct.unpack('<I4', history, at)
  end
  return #starts > HISTORY and string.sub(history, starts[#starts - HISTORY + 1]) or history
end

local function history_entry(kind, reason, worker, started, ended, detail)
  return struct.pack('<I4I6I6BBB', 15 + #worker + #detail, started, ended, kind, reason, #worker) .. worker .. detail
end

-- Writes the end of a run into the job's record.
local function attempt(job, kind, reason, worker, started, ended, detail)
  job.history = job.history .. history_entry(kind, reason, worker, started, ended, detail)
  job.attempts, job.started = job.attempts + 1, started
  if job.attempts > HISTORY then job.history = trim(job.history) end
end
