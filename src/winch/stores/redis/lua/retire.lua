-- Ends an executor's enlistment: settles, then lets every claim lapse (contract: Liveness.retire; rules 7, 22 to 24).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  executor
-- ARGV[4]  "1" if it died of what it ran
-- ARGV[5]  detail of the crash
-- ARGV[6]  "strict": refused as a whole at maxmemory; "full": goes on (the caller has dropped the results)
-- ARGV[7]  how many outcomes follow
-- ARGV[8 ...]  outcomes (parts/plain), then id, token of claims that have begun
--
-- Guard    an executor that is not enlisted is retired already: nothing happens.
-- Returns  the ids: returned, suspects, charged
-- Errors   STALECALL
--- @include parts/call
--- @include parts/lapse

local EXECUTOR, CRASHED_, DETAIL, OUTCOMES = ARGV[3], ARGV[4] == '1', ARGV[5], tonumber(ARGV[7])

-- Marks what has begun. True if something has begun that is broken.
local function note_begun(claims, broken)
  local begun = {}
  for n = 8 + 3 * OUTCOMES, #ARGV, 2 do begun[ARGV[n]] = tonumber(ARGV[n + 1]) end
  for _, job in ipairs(claims) do
    if begun[job.id] == job.token then job.flags = with(job.flags, BEGUN) end
  end
  for _, claim in ipairs(broken) do
    if begun[claim.id] then return true end
  end
  return false
end

local earlier = earlier_answer()
if earlier then return earlier end
local seat, worker = enlistment(EXECUTOR)
if not seat then return keep({{}, {}, {}}) end
look_around()
look_at_worker(worker)
local name = look('HGET', P .. 'worker:' .. worker, 'name') or ''
count()
local outcomes = read_outcomes(8, OUTCOMES, EXECUTOR, seat)
local _, broken = look_at_claims(EXECUTOR)

if ARGV[6] == 'strict' then needs_memory() else goes_on_without_memory() end
settle_all(outcomes, EXECUTOR, seat, worker, name)
flush()
local claims = claims_of(EXECUTOR)
local charged, suspects = blamed_for_executor(claims, CRASHED_, note_begun(claims, broken))
local became = lapse_all(claims, name, CRASHED_, charged, suspects, DETAIL)
drop_claims(broken, EXECUTOR, worker)
flush()
dismiss_executor(EXECUTOR, seat, worker)
finish()
return keep(became)
