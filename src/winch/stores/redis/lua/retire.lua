-- Ends an executor's enlistment: settles, then lets every claim lapse (contract: Liveness.retire; rules 7, 22 to 24).
--
-- KEYS[1]  prefix
-- ARGV[1], ARGV[2]  channel and number of the call
-- ARGV[3]  executor
-- ARGV[4]  "1" if it died of what it ran
-- ARGV[5]  detail of the crash
-- ARGV[6]  how many outcomes follow
-- ARGV[7 ...]  id, packed outcome ..., then id, token of claims that have begun
--
-- Guard    an executor that is not enlisted is retired already: nothing happens.
-- Returns  the ids: returned, suspects, charged
-- Errors   STALECALL
--- @include parts/call
--- @include parts/lapse

local EXECUTOR, CRASHED_, DETAIL, OUTCOMES = ARGV[3], ARGV[4] == '1', ARGV[5], tonumber(ARGV[6])

local function note_begun(claims)
  local begun = {}
  for n = 7 + 2 * OUTCOMES, #ARGV, 2 do begun[ARGV[n]] = tonumber(ARGV[n + 1]) end
  for _, job in ipairs(claims) do
    if begun[job.id] == job.token then job.flags = with(job.flags, BEGUN) end
  end
end

local earlier = earlier_answer()
if earlier then return earlier end
local seat, worker = enlistment(EXECUTOR)
if not seat then return keep({{}, {}, {}}) end
local outcomes = read_outcomes(7, OUTCOMES)

goes_on_without_memory()
settle_all(outcomes, EXECUTOR, seat, worker)
flush()
local claims = claims_of(EXECUTOR)
note_begun(claims)
local charged, suspects = blamed_for_executor(claims, CRASHED_)
local name = redis.call('HGET', P .. 'worker:' .. worker, 'name') or ''
local became = lapse_all(claims, name, CRASHED_, charged, suspects, DETAIL)
flush()
dismiss_executor(EXECUTOR, seat, worker)
finish()
return keep(became)
