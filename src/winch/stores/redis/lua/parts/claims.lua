-- What an executor holds.
--- @include parts/look

local function by_token(a, b) return a.token < b.token end

-- The claims of an executor, by token. Ids whose records are damaged, gone or not its own go to `broken` if that is given.
local function claims_of(executor, into, broken)
  local claims, kept = into or {}, look('HGET', P .. 'x:' .. executor, '')
  local seat = kept and struct.unpack('<I4', kept)
  for _, id in ipairs(look('HKEYS', P .. 'x:' .. executor)) do
    local job = id ~= '' and read(id)
    if job and job.state == STARTED and job.seat == seat then
      claims[#claims + 1] = job
    elseif id ~= '' and broken then
      broken[#broken + 1] = id
    end
  end
  table.sort(claims, by_token)
  return claims
end
