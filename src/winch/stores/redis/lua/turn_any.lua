-- Settles what is done, marks what has begun, fires, promotes and claims, whatever that is about (contract: HotPath.turn;
-- PROTOCOL rule 10).
--
-- KEYS[1]  prefix
-- ARGV[1]  executor, the channel of its turns
-- ARGV[2]  number of the turn
-- ARGV[3]  "strict": refused as a whole at maxmemory; "full": goes on (the caller has dropped the results)
-- ARGV[4]  room
-- ARGV[5 to 8]  how many outcomes, begins, groups of queues and increments follow, in this order:
--   id, outcome, result (parts/plain) · id, token · the queues, the keys of their markers (MessagePack; empty where no marker
--   can have been taken by this process since its last turn) · field, count
--
-- Guard    the executor is enlisted. An outcome settles only if its job is started in this executor's seat and token.
-- Returns  now, earliest due (ms, -1 none), more (0, 1), alone (0, 1), late tokens, claims: id, token, record ...; instead of
--          a long record `turn` gives an empty text, to be replaced by the value of its key
-- Errors   NOTENLISTED, STALECALL
--- @include parts/call
--- @include parts/lapse
--- @include parts/claim
--- @include parts/fire
--- @include parts/promote
--- @include parts/metrics

local EXECUTOR, ROOM = ARGV[1], tonumber(ARGV[4])
local OUTCOMES, BEGINS, GROUPS, TALLY = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local FIRST_BEGIN = 9 + 3 * OUTCOMES
local FIRST_QUEUE = FIRST_BEGIN + 2 * BEGINS
local FIRST_TALLY = FIRST_QUEUE + 2 * GROUPS

-- The answer of this turn given before, with those of its claims that are still held under their tokens.
local function answer_again(kept)
  local claims, held = kept[6], {}
  for n = 1, #claims, 2 do
    local id, token = claims[n], claims[n + 1]
    local job = read(id)
    if job and job.state == STARTED and job.token == token then
      held[#held + 1], held[#held + 2], held[#held + 3] = id, token, encode(job)
    end
  end
  kept[6] = held
  return kept
end

-- Keeps the answer without the records.
local function keep_turn(answer)
  local got, claims = answer[6], {}
  for n = 1, #got, 3 do claims[#claims + 1], claims[#claims + 2] = got[n], got[n + 1] end
  keep({answer[1], answer[2], answer[3], answer[4], answer[5], claims})
  return answer
end

local function begin_all(seat)
  for n = FIRST_BEGIN, FIRST_QUEUE - 1, 2 do
    local job = read(ARGV[n])
    if job and job.state == STARTED and job.seat == seat and job.token == tonumber(ARGV[n + 1]) then
      job.flags, job.started = with(job.flags, BEGUN), NOW
      write_claim(job)
    end
  end
end

local seat, worker = enlistment(EXECUTOR)
if not seat then return redis.error_reply('NOTENLISTED') end
local earlier = earlier_answer()
if earlier then return earlier.err and earlier or answer_again(earlier) end
local queues = {}
for n = FIRST_QUEUE, FIRST_TALLY - 1, 2 do
  for _, queue in ipairs(cmsgpack.unpack(ARGV[n])) do queues[#queues + 1] = queue end
end

look_at_firing()
look_at_pauses()
local name = look('HGET', P .. 'worker:' .. worker, 'name') or ''
count()
local outcomes, due = read_outcomes(9, OUTCOMES, EXECUTOR, seat), timers_of(queues)
if TALLY > 0 then look_at_rows() end

if ARGV[3] == 'strict' then needs_memory() else goes_on_without_memory() end
local late = settle_all(outcomes, EXECUTOR, seat, worker, name)
begin_all(seat)
add_tally(FIRST_TALLY, TALLY)
fire(100)
flush()
lift()
promote(due, 100)
release_all()
local to = claimer(EXECUTOR, seat, worker, ROOM)
local more, alone = claim(to, queues)
finish()
mark_all(queues)
local _, next_due = timers_of(queues)
return keep_turn({NOW, next_due, more and 1 or 0, alone and 1 or 0, late, to.got})
