-- Enqueues the job of an entry's slot and remembers the slot as its last (contract: Control.fire_entry; rule 33).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  name of the entry
-- ARGV[4]  its revision
-- ARGV[5]  slot
-- ARGV[6], ARGV[7]  the job: id, packed (parts/new_job), without parents
--
-- Guard    the entry has that revision and is not paused; the slot is later than its last, and not later than now.
--          At maxmemory the call is refused.
-- Returns  now, what became of it (position in contract.FireKind), the entry's last slot
-- Errors   STALECALL
--- @include parts/call
--- @include parts/create
--- @include parts/entries

--- @constant FIRED 0
--- @constant DUPLICATE 1
--- @constant PASSED 2
--- @constant EARLY 3
--- @constant CHANGED 4
local REVISION, SLOT = tonumber(ARGV[4]), tonumber(ARGV[5])

-- Why an entry does not fire now, nil if it does.
local function obstacle(entry)
  if not entry or entry.paused or entry.revision ~= REVISION then return CHANGED end
  if SLOT <= math.max(entry.slot, entry.since) then return PASSED end
  if SLOT > NOW then return EARLY end
end

local earlier = earlier_answer()
if earlier then return earlier end
local entry = read_entry(ARGV[3])
local kind = obstacle(entry)
if kind then return keep({NOW, kind, entry and entry.slot or 0}) end
local job = unpack_job(ARGV[6], ARGV[7])
job.old, job.damaged = read(job.id)
local is_used = job.old and not is_ended(job.old)
look_around()
look('SCARD', P .. 'queues')
count()
if not is_used then look_at_new(job, {}) end

needs_memory()
redis.call('HSET', entry_key(entry.name), 'slot', SLOT)
if is_used then return keep({NOW, DUPLICATE, SLOT}) end
redis.call('HSET', entry_key(entry.name), 'job', job.id)
add_to_queues({job})
join_groups({job})
create(job, job.due > 0 and SCHEDULED or QUEUED, {}, {})
finish()
return keep({NOW, FIRED, SLOT})
