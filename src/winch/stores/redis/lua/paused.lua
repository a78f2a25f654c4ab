-- The pauses that are not over (contract: Control.paused). Reads only.
--
-- KEYS[1]  prefix
--
-- Returns  queue ("*" is all), when its pause ends (ms; "inf" is never), queue ...
--- @include parts/base

return redis.call('ZRANGEBYSCORE', P .. 'paused', '(' .. NOW, '+inf', 'WITHSCORES')
