"""Memory and speed of the ways to store one job in Redis (docs/decisions/001-record-layout.md).

Every layout runs under the same three scripts (enqueue, claim, settle and claim); only the five Lua
functions that touch a record differ. Memory is what `used_memory` gained per job, indexes included;
time is what `INFO commandstats` charged to EVALSHA, per job: the median of a round, the best of the rounds.

    python benchmarks/layouts.py [--jobs 100000] [--rounds 3] [--sizes 30 1000]

The server is its own: WINCH_REDIS_SERVER or `redis-server` on the PATH, on a socket in a temporary directory.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import ormsgpack
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

BATCH = 100
EXECUTOR = secrets.token_bytes(16)
RESULT = ormsgpack.packb({"ok": True, "size": 48213})
ATTEMPT = EXECUTOR + secrets.token_bytes(14)  # executor, start, end, outcome, reason

# KEYS: call, sequence, queue. ARGV: number, prefix, then id and constant part of each job.
ENQUEUE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return 0 end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
for i = 3, #ARGV, 2 do
  if redis.call('EXISTS', key(ARGV[i])) == 1 then return redis.error_reply('DUPLICATE job') end
end
local count, ready = (#ARGV - 2) / 2, {}
local score = redis.call('INCRBY', KEYS[2], count) - count
for i = 3, #ARGV, 2 do
  score = score + 1
  create(key(ARGV[i]), ARGV[i + 1], score, now)
  ready[i - 2], ready[i - 1] = score, ARGV[i]
end
redis.call('ZADD', KEYS[3], unpack(ready))
redis.call('SET', KEYS[1], ARGV[1], 'PX', 3600000)
return count
"""

# KEYS: call, last token, queue, started, claims of the executor, finished.
# ARGV: number, prefix, executor, room, then id, token (8 bytes), result and attempt of each outcome.
# Returns id, token, attempts and constant part of each claim.
TURN = """
local kept = redis.call('GET', KEYS[1])
if kept and string.match(kept, '^%d+') == ARGV[1] then return redis.error_reply('REPEATED turn') end
local clock, executor, room = redis.call('TIME'), ARGV[3], tonumber(ARGV[4])
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local first = math.max(clock[1] * 1000000 + clock[2], (tonumber(redis.call('GET', KEYS[2])) or 0) + 1)
local held, ids, ended, started, owned, claims = {}, {}, {}, {}, {}, {}
for i = 5, #ARGV, 4 do
  local record = read_started(key(ARGV[i]), ARGV[i + 1], executor)
  if record then held[#held + 1] = {i, record} end
end
for n, pair in ipairs(held) do
  local i, record = pair[1], pair[2]
  ids[n], ended[2 * n] = ARGV[i], ARGV[i]
  ended[2 * n - 1] = finish(key(ids[n]), record, now, ARGV[i + 2], ARGV[i + 3])
end
if #ids > 0 then
  redis.call('ZREM', KEYS[4], unpack(ids))
  redis.call('HDEL', KEYS[5], unpack(ids))
  redis.call('ZADD', KEYS[6], unpack(ended))
end
local records, ids = {}, {}
for _, id in ipairs(room > 0 and redis.call('ZRANGE', KEYS[3], 0, room - 1) or {}) do
  local record = read_queued(key(id))
  if record then ids[#ids + 1], records[#records + 1] = id, record end
end
for n, id in ipairs(ids) do
  local token = first + n - 1
  local packed = struct.pack('<I8', token)
  local attempts, constant = begin(key(id), records[n], token, packed, executor, now)
  started[2 * n - 1], started[2 * n] = now, id
  owned[2 * n - 1], owned[2 * n], claims[n] = id, packed, {id, packed, attempts, constant}
end
if #ids > 0 then
  redis.call('ZREM', KEYS[3], unpack(ids))
  redis.call('ZADD', KEYS[4], unpack(started))
  redis.call('HSET', KEYS[5], unpack(owned))
  redis.call('SET', KEYS[2], string.format('%.0f', first + #ids - 1))
end
redis.call('SET', KEYS[1], string.format('%s %.0f %d', ARGV[1], first, #ids), 'PX', 3600000)
return claims
"""

RAW_KEY = "local function key(id) return ARGV[2] .. id end\n"
TEXT_KEY = """
local uuid = '%s' .. string.gsub('xxxx-xx-xx-xx-xxxxxx', 'x', '%%02x')
local function key(id) return string.format(uuid, ARGV[2], string.byte(id, 1, 16)) end
"""

# Fields of one letter: state queue priority o=score created n=enqueued k=constant attempts token x=executor
# b=started l=result_ttl ended d=expires result history.
HASH = """
local function create(key, constant, score, now)
  redis.call('HSET', key, 's', 1, 'q', 'default', 'p', 0, 'o', score, 'c', now, 'n', now%s
end
local function read_queued(key)
  local record = %s
  return type(record[2]) == 'string' and not record.err and record
end
local function begin(key, record, token, packed, executor, now)
  local attempts = (tonumber(record[1]) or 0) + 1
  redis.call('HSET', key, 's', 2, 'a', attempts, 't', packed, 'x', executor, 'b', now)
  return attempts, record[2]
end
local function read_started(key, token, executor)
  local record = redis.pcall('HMGET', key, 's', 't', 'x', 'l')
  return not record.err and record[1] == '2' and record[2] == token and record[3] == executor and record
end
local function finish(key, record, now, result, attempt)
  local expires = now + (tonumber(record[4]) or 500000)
  redis.call('HSET', key, 's', 3, 'e', now, 'd', expires, 'r', result, 'h', attempt)
  return expires
end
"""
ONE_HASH = HASH % (", 'k', constant)", "redis.pcall('HMGET', key, 'a', 'k')")
SPLIT = HASH % (
    ") redis.call('SET', key .. 'k', constant)",
    "{redis.pcall('HGET', key, 'a'), redis.pcall('GET', key .. 'k')}",
)

# version | state attempts token executor started | ended expires result history | features flags priority fails
# crashes max_crashes score created enqueued due result_ttl failure_ttl queue constant  (lengths of the segments last)
STRING = """
local SPILL = tonumber('%s') or 1e9
local HEADER = '<B BHI8c16I6 I6I6I4I4 I4BhHHHdI6I6I6I4I4BI4'
local SIZE, NOBODY = struct.size(HEADER), string.rep('\\0', 16)
local function create(key, constant, score, now)
  if #constant > SPILL then redis.call('SET', key .. 'k', constant); constant = '' end
  redis.call('SET', key, struct.pack(HEADER, 1, 1, 0, 0, NOBODY, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, score,
    now, now, 0, 500, 31536000, 7, #constant) .. 'default' .. constant)
end
local function get(key)
  local raw = redis.pcall('GET', key)
  return type(raw) == 'string' and #raw >= SIZE and string.byte(raw) == 1 and raw
end
"""
STRING_WHOLE = """
local function read_queued(key) local raw = get(key); return raw and {raw, struct.unpack(HEADER, raw)} end
local function begin(key, r, token, packed, executor, now)
  r[4], r[5], r[6], r[7], r[3] = r[4] + 1, token, executor, now, 2
  %s
  return r[4], string.sub(r[1], SIZE + 1 + r[24], SIZE + r[24] + r[25])
end
local function read_started(key, token, executor)
  local r = read_queued(key)
  return r and r[3] == 2 and r[5] == struct.unpack('<I8', token) and r[6] == executor and r
end
local function finish(key, r, now, result, attempt)
  r[3], r[8], r[9], r[10], r[11] = 3, now, now + r[22] * 1000, #result, #attempt
  local rest = string.sub(r[1], SIZE + 1, SIZE + r[24] + r[25])
  redis.call('SET', key, struct.pack(HEADER, unpack(r, 2, 25)) .. rest .. result .. attempt)
  return r[9]
end
"""
REWRITE_HEADER = "redis.call('SETRANGE', key, 0, struct.pack(HEADER, unpack(r, 2, 25)))"
REWRITE_ALL = "redis.call('SET', key, struct.pack(HEADER, unpack(r, 2, 25)) .. string.sub(r[1], SIZE + 1))"
STRING_SLICE = """
local read_queued = get
local function begin(key, raw, token, packed, executor, now)
  local attempts = struct.unpack('<H', raw, 3) + 1
  redis.call('SETRANGE', key, 1, struct.pack('<BHc8c16I6', 2, attempts, packed, executor, now))
  local queue, constant = struct.unpack('<BI4', raw, 102)
  if constant == 0 then return attempts, redis.call('GET', key .. 'k') end
  return attempts, string.sub(raw, SIZE + 1 + queue, SIZE + queue + constant)
end
local function read_started(key, token, executor)
  local raw = get(key)
  return raw and string.byte(raw, 2) == 2 and string.sub(raw, 5, 28) == token .. executor and raw
end
local function finish(key, raw, now, result, attempt)
  local ttl, _, queue, constant = struct.unpack('<I4I4BI4', raw, 94)
  local expires = now + ttl * 1000
  redis.call('SET', key, '\\1\\3' .. string.sub(raw, 3, 34)
    .. struct.pack('<I6I6I4I4', now, expires, #result, #attempt)
    .. string.sub(raw, 55, SIZE + queue + constant) .. result .. attempt)
  return expires
end
"""


@dataclass(frozen=True)
class Layout:
    """A way to store a job: its Lua functions, and whether ids are text in the indexes too."""

    name: str
    lua: str
    text_ids: bool = False


SLICE, SPILL = STRING % "-" + STRING_SLICE, STRING % 512 + STRING_SLICE
LAYOUTS = (
    Layout("A   one hash, all fields", RAW_KEY + ONE_HASH),
    Layout("B   short hash + constant string", RAW_KEY + SPLIT),
    Layout("C1  string, claim SETs the whole", RAW_KEY + STRING % "-" + STRING_WHOLE % REWRITE_ALL),
    Layout("C2  string, claim SETRANGEs the header", RAW_KEY + STRING % "-" + STRING_WHOLE % REWRITE_HEADER),
    Layout("C3  string, claim SETRANGEs 33 bytes", RAW_KEY + SLICE),
    Layout("C4  C3, constants over 512 bytes apart", RAW_KEY + SPILL),
    Layout("C3  with text ids in key names", TEXT_KEY + SLICE),
    Layout("C3  with text ids everywhere", RAW_KEY + SLICE, text_ids=True),
)


class Figures(NamedTuple):
    """Bytes and server microseconds, each per job."""

    queued: float
    finished: float
    enqueue_one: float
    enqueue_batch: float
    claim: float
    turn: float


@contextlib.contextmanager
def server() -> Generator[redis.Redis]:
    """A fresh redis-server without persistence, stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="winch-layouts-") as directory:
        socket = Path(directory) / "redis.sock"
        binary = os.environ.get("WINCH_REDIS_SERVER", "redis-server")
        options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no", "--dir", directory]
        process = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 10
            while not socket.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{binary} did not start")
                time.sleep(0.01)
            with redis.Redis(unix_socket_path=str(socket), retry=Retry(NoBackoff(), 0)) as client:
                yield client
        finally:
            process.terminate()
            process.wait()


class Bench:
    """One layout on one server: runs the scripts and reads what they cost."""

    def __init__(self, client: redis.Redis, layout: Layout, constant: bytes) -> None:
        self.client: Any = client
        self.layout, self.constant, self.number = layout, constant, 0
        self.enqueue_sha: str = self.client.script_load(layout.lua + ENQUEUE)
        self.turn_sha: str = self.client.script_load(layout.lua + TURN)

    def run(self, jobs: int) -> Figures:
        """Enqueue all jobs, take them through to finished, and measure at each stop."""
        batches, claims = jobs // BATCH, list[Any]()
        empty = self._memory()
        one = self._cost(batches // 10 * BATCH, 1, lambda: self._enqueue(1))
        many = self._cost(batches - batches // 10, BATCH, lambda: self._enqueue(BATCH))
        queued = self._memory() - empty
        claim = self._cost(batches // 10, BATCH, lambda: claims.append(self._turn([], BATCH)))
        while len(claims) > 1:
            self._turn(claims.pop(), 0)
        turn = self._cost(batches - batches // 10, BATCH, lambda: claims.append(self._turn(claims.pop(), BATCH)))
        self._turn(claims.pop(), 0)
        if self.client.zcard("{winch}:finished:default") != jobs:
            raise RuntimeError(f"{self.layout.name}: not every job finished")
        return Figures(queued / jobs, (self._memory() - empty) / jobs, one, many, claim, turn)

    def _enqueue(self, count: int) -> None:
        arguments = [part for _ in range(count) for part in (self._new_id(), self.constant)]
        self._call(self.enqueue_sha, ["{winch}:call:client", "{winch}:seq", "{winch}:queued:default"], arguments)

    def _turn(self, claims: list[Any], room: int) -> list[Any]:
        arguments = [EXECUTOR, room]
        for id_, token, _, constant in claims:
            if constant != self.constant:
                raise RuntimeError(f"{self.layout.name}: a claim brought back another constant part")
            arguments += (id_, token, RESULT, ATTEMPT)
        keys = ("call:executor", "token", "queued:default", "started:default", "claims:executor", "finished:default")
        return self._call(self.turn_sha, [f"{{winch}}:{key}" for key in keys], arguments)

    def _call(self, sha: str, keys: list[str], arguments: list[Any]) -> Any:
        self.number += 1
        return self.client.evalsha(sha, len(keys), *keys, self.number, "{winch}:j:", *arguments)

    def _cost(self, calls: int, jobs: int, call: Callable[[], None]) -> float:
        """Microseconds of server time per job: the median over slices of the calls, each with so many jobs."""
        slices: list[float] = []
        for done in range(0, calls, size := max(calls // 20, 1)):
            self.client.config_resetstat()
            for _ in range(count := min(size, calls - done)):
                call()
            slices.append(self.client.info("commandstats")["cmdstat_evalsha"]["usec"] / count / jobs)
        return statistics.median(slices)

    def _memory(self) -> int:
        info = self.client.info("memory")
        return info["used_memory"] - info["mem_clients_normal"]

    def _new_id(self) -> bytes:
        raw = (time.time_ns() // 1_000_000).to_bytes(6) + secrets.token_bytes(10)
        id_ = uuid.UUID(bytes=raw[:6] + bytes([0x70 | raw[6] & 0x0F, raw[7], 0x80 | raw[8] & 0x3F]) + raw[9:])
        return str(id_).encode() if self.layout.text_ids else id_.bytes


def constant_part(argument_bytes: int) -> bytes:
    """Function, arguments and options of a job, packed."""
    arguments = [1_000_000 + n for n in range(argument_bytes // 5)]
    return ormsgpack.packb(["shop.tasks.resize_picture", arguments, {}, {"timeout": 180, "retries": 3}])


def main() -> None:
    """Run every layout with small and large arguments and print a table for each."""
    parser = argparse.ArgumentParser(description="Compare layouts of a job's record in Redis.")
    parser.add_argument("--jobs", type=int, default=100_000, help="rounded to thousands")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[30, 1000], help="bytes of a job's arguments")
    options = parser.parse_args()
    jobs = max(options.jobs // 1000, 1) * 1000
    heads = ("queued", "finished", "enq 1", "enq 100", "claim", "turn")
    for argument_bytes in options.sizes:
        constant = constant_part(argument_bytes)
        best: dict[str, Figures] = {}
        for _ in range(options.rounds):
            for layout in LAYOUTS:
                with server() as client:
                    figures = Bench(client, layout, constant).run(jobs)
                best[layout.name] = Figures(*map(min, figures, best.get(layout.name, figures)))
        title = f"{jobs:,} jobs, arguments of {argument_bytes} bytes (constant part {len(constant)}): bytes, us per job"
        print(f"\n{title}\n{'':40}" + "".join(f"{head:>9}" for head in heads))
        for name, figures in best.items():
            memory, times = figures[:2], figures[2:]
            print(f"{name:40}" + "".join(f"{b:9.0f}" for b in memory) + "".join(f"{us:9.1f}" for us in times))


if __name__ == "__main__":
    main()
