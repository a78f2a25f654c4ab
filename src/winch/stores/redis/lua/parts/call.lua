-- The number of a changing call (PROTOCOL rules 1 and 2): the last one of its channel is kept with its answer.
--
-- ARGV[1]  the channel
-- ARGV[2]  the number of the call
--- @include parts/base

--- @constant KEPT_MS 3600000
local CALL, NUMBER = P .. 'ch:' .. ARGV[1], tonumber(ARGV[2])

-- The answer to give without doing anything, or nil: this call is new.
local function earlier_answer()
  local kept = redis.call('GET', CALL)
  local last = kept and struct.unpack('<i8', kept)
  if not last or last < NUMBER then return nil end
  if last > NUMBER then return redis.error_reply(string.format('STALECALL number %.0f after %.0f', NUMBER, last)) end
  return cmsgpack.unpack(string.sub(kept, 9))
end

local function keep(answer)
  redis.call('SET', CALL, struct.pack('<i8', NUMBER) .. cmsgpack.pack(answer), 'PX', KEPT_MS)
  return answer
end

-- At maxmemory a server refuses the first write of a script if that may take memory, and nothing after it: so the first
-- write decides. Neither of these changes anything.
local function needs_memory() redis.call('SETRANGE', P .. 'none', 0, '') end
local function goes_on_without_memory() redis.call('DEL', P .. 'none') end
