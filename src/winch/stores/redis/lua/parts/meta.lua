-- A job's meta and its progress share the segment `meta`: the meta alone, or
--
--   255, length of the progress (a byte), progress, meta
--
-- The second form also where a meta begins with 255 itself. `segments.py` reads and writes the same format.
--- @include parts/record

-- Progress and meta of a job.
local function noted_of(job)
  local first = #job.queue + job.payload_size + 1
  local segment = string.sub(job.body, first, first + job.meta_size - 1)
  if string.byte(segment) ~= 255 then return '', segment end
  local size = string.byte(segment, 2)
  return string.sub(segment, 3, 2 + size), string.sub(segment, 3 + size)
end

local function note(job, progress, meta)
  local segment = meta
  if progress ~= '' or string.byte(meta) == 255 then
    segment = string.char(255, #progress) .. progress .. meta
  end
  local before = #job.queue + job.payload_size
  job.body = string.sub(job.body, 1, before) .. segment .. string.sub(job.body, before + job.meta_size + 1)
  job.meta_size = #segment
  write(job)
end
