-- The metrics: a hash per minute (24 hours are kept) and per hour (60 days), a field per key of a tally.
--
-- A field is queue, function, series and bucket, each but the last followed by a newline.
--- @include parts/look

--- @constant MINUTE 60000
--- @constant HOUR 3600000
--- @constant DAY 86400000

local function row_key(span) return P .. (span == HOUR and 'hours:' or 'minutes:') .. math.floor(NOW / span) end

-- A row lives as long as it can be asked for, and an hour more.
local function keep_row(key, span)
  if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, (span == HOUR and 60 * DAY or DAY) + 2 * HOUR) end
end

-- Before the first write.
local function look_at_rows()
  for _, span in ipairs({MINUTE, HOUR}) do look('HLEN', row_key(span)) end
end

-- Adds increments: field, count, field, count ... from ARGV[first] on.
local function add_tally(first, count)
  if count == 0 then return end
  for _, span in ipairs({MINUTE, HOUR}) do
    local key = row_key(span)
    for n = first, first + 2 * count - 2, 2 do redis.call('HINCRBY', key, ARGV[n], ARGV[n + 1]) end
    keep_row(key, span)
  end
end

local function gauge(queue, series, value)
  local key = row_key(MINUTE)
  redis.call('HSET', key, queue .. '\n\n' .. series .. '\n0', value)
  keep_row(key, MINUTE)
end
