-- The number of jobs in every state (contract: Control.counts). Reads only, O(log n) each.
--
-- KEYS[1]  prefix
-- ARGV[1 ...]  queues; none: all that are known
--
-- Returns  queue, numbers in the order of winch.states.JobStatus, queue, numbers ...
--- @include parts/record

local function size(family, queue) return redis.call('ZCARD', P .. family .. queue) end

local answer = {}
for _, queue in ipairs(#ARGV > 0 and ARGV or redis.call('SMEMBERS', P .. 'queues')) do
  local numbers = {}
  for state = SCHEDULED, STARTED do numbers[state + 1] = size(STATES[state], queue) end
  numbers[QUEUED + 1] = numbers[QUEUED + 1] + size('suspects:', queue)
  for state = FINISHED, STOPPED do
    numbers[state + 1] = redis.call('ZCOUNT', P .. STATES[state] .. queue, '(' .. NOW, '+inf')
  end
  answer[#answer + 1], answer[#answer + 2] = queue, numbers
end
return answer
