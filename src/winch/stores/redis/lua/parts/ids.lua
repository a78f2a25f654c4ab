-- Ids: a canonical UUID is kept as its 16 bytes, any other text behind "~" ("~~" where that would make 16 bytes, and "!"
-- where it would look like that).
--- @include parts/base

local UUID = '%s-%s-%s-%s-%s'

local function id_text(id)
  if #id ~= 16 then return string.sub(id, #id == 17 and string.sub(id, 1, 2) == '~~' and 3 or 2) end
  local hex = string.gsub(id, '.', function(byte) return string.format('%02x', string.byte(byte)) end)
  return string.format(UUID, string.sub(hex, 1, 8), string.sub(hex, 9, 12), string.sub(hex, 13, 16),
    string.sub(hex, 17, 20), string.sub(hex, 21))
end

-- An id made of a text.
local function digest_id(text)
  return (string.gsub(string.sub(redis.sha1hex(text), 1, 32), '..', function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

-- winch.ids.callback_id
local function callback_id(parent, event, place)
  local text = string.format('%s:%s:%.0f:%.0f', id_text(parent.id), event, parent.created, parent.attempts)
  if place > 0 then text = text .. ':' .. place end
  return digest_id(text)
end
