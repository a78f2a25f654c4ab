-- Which of these jobs have ended? Those that have not will publish their end (contract: HotPath.await_end, rule 32).
--
-- KEYS[1]   prefix
-- ARGV[1 ...]  ids
--
-- Returns  per id: its record as a string if it has ended, 0 if it is unknown, 1 if it has yet to end
-- Not numbered: asking twice is asking once.
--- @include parts/children

local answers = {}
for n, id in ipairs(ARGV) do
  local job = read(id)
  if not job or is_over(job) then
    answers[n] = 0
  elseif is_ended(job) then
    answers[n] = encode(job)
  else
    answers[n] = 1
    set_feature(id, WAITER)
  end
end
answers[#ARGV + 1] = NOW
return answers
