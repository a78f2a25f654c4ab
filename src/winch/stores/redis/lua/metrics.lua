-- The rows of the metrics (contract: Control.metrics). Reads only.
--
-- KEYS[1]  prefix
-- ARGV[1]  milliseconds back from now
-- ARGV[2]  "1" for hours
--
-- Returns  start of the row, its fields and values as one list, start, list ...
--- @include parts/metrics

local SPAN = ARGV[2] == '1' and HOUR or MINUTE
local BACK = math.min(tonumber(ARGV[1]), SPAN == HOUR and 60 * DAY or DAY)

local answer = {}
for number = math.floor((NOW - BACK) / SPAN), math.floor(NOW / SPAN) do
  local row = redis.call('HGETALL', P .. (SPAN == HOUR and 'hours:' or 'minutes:') .. number)
  if #row > 0 then answer[#answer + 1], answer[#answer + 2] = number * SPAN, row end
end
return answer
