-- Claims one job by its id, as begun (contract: HotPath.take).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  executor
-- ARGV[4]  id
--
-- Guard    the executor is enlisted, and the job is queued; a suspect runs alone.
-- Returns  now, id, token, record; 0 if there is no claim
-- Errors   NOTENLISTED, STALECALL
--- @include parts/call
--- @include parts/claim

local EXECUTOR, ID = ARGV[3], ARGV[4]

-- The claim of this call made before, if it is still held under its token.
local function claim_again(token)
  local job = read(ID)
  if token == 0 or not job or job.state ~= STARTED or job.token ~= token then return 0 end
  return {NOW, ID, token, encode(job)}
end

local earlier = earlier_answer()
if earlier then return type(earlier) == 'table' and earlier or claim_again(earlier) end
local seat, worker = enlistment(EXECUTOR)
if not seat then return redis.error_reply('NOTENLISTED') end
local job = read(ID)
local is_queued = job and job.state == QUEUED
look_around()
look_at_worker(worker)
if is_queued then look_at_job(job) end
count()

goes_on_without_memory()
local to = claimer(EXECUTOR, seat, worker, 1)
local is_suspect = is_queued and has(job.flags, SUSPECT)
if is_queued and (is_suspect and is_free(to) or not (is_suspect or runs_suspect(to))) then
  if hand_out(to, ID, index_of(job), job.queue, true) and is_suspect then
    redis.call('HSET', P .. 'worker:' .. worker, 'suspect', ID)
  end
end
finish()
local got = to.got
keep(got[2] or 0)
return got[1] and {NOW, got[1], got[2], got[3]} or 0
