-- The segment `extra` of a record: entries of what only some jobs have.
--
--   code | length of the content | content
--
--   5, 6, 8   a callback: the end state that calls it; the payload
--   70        one of a failure that is also called after each failed attempt
--   32        its limits, of each concurrency rate per burst | length of the key, key
--   33        the id of the group that it joined
--   34        how often the job has been repeated, 4 bytes
--   35        of a callback job its parent: length of the id, id, record
--- @include parts/record

--- @constant EACH 64
--- @constant LIMITS_ENTRY 32
--- @constant GROUP_ENTRY 33
--- @constant REPEATS_ENTRY 34
--- @constant PARENT_ENTRY 35

local function extra_entry(code, content) return struct.pack('<BI4', code, #content) .. content end

-- Code and content of each entry, in their order.
local function entries_of(job)
  local extra, at = extra_of(job), 1
  return function()
    if at > #extra then return nil end
    local code, size = struct.unpack('<BI4', extra, at)
    local content = at + 5
    at = content + size
    return code, string.sub(extra, content, at - 1)
  end
end

-- Puts an entry in the place of the one with its code; without content it only takes that out.
local function set_entry(job, code, content)
  local kept = {}
  for other, text in entries_of(job) do
    if other ~= code then kept[#kept + 1] = extra_entry(other, text) end
  end
  if content then kept[#kept + 1] = extra_entry(code, content) end
  local extra = table.concat(kept)
  job.body = string.sub(job.body, 1, #job.body - job.extra_size) .. extra
  job.extra_size = #extra
end

local function entry_of(job, code)
  for other, content in entries_of(job) do
    if other == code then return content end
  end
end

local function repeats_of(job)
  return has(job.features, REPEATS) and struct.unpack('<I4', entry_of(job, REPEATS_ENTRY)) or 0
end

local function set_repeats(job, count)
  if count == repeats_of(job) then return end
  set_entry(job, REPEATS_ENTRY, count > 0 and struct.pack('<I4', count))
  job.features = count > 0 and with(job.features, REPEATS) or without(job.features, REPEATS)
end
