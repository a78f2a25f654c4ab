-- What an executor holds.
--- @include parts/record

local function by_token(a, b) return a.token < b.token end

-- The claims of an executor, by token. Those that cannot be read are let go.
local function claims_of(executor, into)
  local claims = into or {}
  for _, id in ipairs(redis.call('HKEYS', P .. 'x:' .. executor)) do
    local job = id ~= '' and read(id)
    if job and job.state == STARTED then claims[#claims + 1] = job end
  end
  table.sort(claims, by_token)
  return claims
end
