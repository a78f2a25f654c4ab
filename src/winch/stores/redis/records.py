"""Records as bytes: what the scripts store and hand out, and what they are given. See `lua/parts/record.lua`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, NamedTuple

from winch.states import ENDED, REASONS, STATES, JobStatus
from winch.stores.contract import Claim, JobRecord, NewJob, OnFailure, Outcome, TallyKey
from winch.stores.redis.keys import pack_id, unpack_id
from winch.stores.redis.segments import (
    IN_CLAIM,
    IN_EXTRA,
    KINDS,
    NO_EXTRA,
    pack_extra,
    pack_meta,
    unpack_extra,
    unpack_history,
    unpack_meta,
)
from winch.stores.redis.wire import Argument, Parts

__all__ = [
    "STATES",
    "claim_of",
    "damaged_record",
    "holds_claim",
    "job_record",
    "pack_job",
    "pack_jobs",
    "pack_outcomes",
    "pack_plain_jobs",
    "pack_tally_key",
    "tally_key",
]

# Python knows no integers of 6 or 7 bytes: each is read in two or three parts.
_HEADER = Struct("<BBBB IHB I IH  hHd IH IH IH  BIIII")
_PAST = Struct("<IIHB IH")
_TERMS = Struct("<H IH Ih Ih")
_CLAIM = Struct("<2x B B 17x  h 10x IH IH 6x  B I I I 4x")
_OUTCOME = Struct("<QBBQQQB")
_NEW_JOB = Struct("<BBQHhBBIII")
_PLAIN_HEAD = Struct("<BBBB 17x h 2x")
_PLAIN_TAIL = Struct("<6x BIII 4x")

_QUEUED = STATES.index(JobStatus.QUEUED)
_STARTS: tuple[int, ...] = (0, 68, 85, 88, 105)
"""Where the segments begin, by form."""
_PLAIN, _WITH_TERMS = 1, 3
_LONG = 4096
"""Bytes of a payload from which on a record is kept out of Lua's hands."""
_NO_PAST = (0, 0, 0, 0, 0, 0)
_DEFAULT_TERMS = (3, 0, 500_000, 31_536_000_000)
"""What a job has that brings none: those of `NewJob`."""

_SUSPECT, _BEGUN, _FRONT, _POLICY, _FAILED = 1, 2, 4, 8, 32
_POLICIES: tuple[OnFailure, ...] = ("cancel", "wait", "run")
_KIND = {kind: number for number, kind in enumerate(KINDS)}
_REASON = {reason: number for number, reason in enumerate(REASONS)}
_RAN = frozenset({JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STOPPED})


class _Header(NamedTuple):
    """The fields of `_HEADER`; those at the end are the sizes of the segments."""

    form: int
    state: int
    flags: int
    features: int
    token: int
    token_middle: int
    token_high: int
    seat: int
    started: int
    started_high: int
    priority: int
    pending: int
    score: float
    created: int
    created_high: int
    enqueued: int
    enqueued_high: int
    due: int
    due_high: int
    queue: int
    payload: int
    meta: int
    extra: int
    result: int


# ---- what goes in ---------------------------------------------------------------------------------------------------


def pack_jobs(jobs: Sequence[NewJob]) -> list[bytes]:
    """Id and job of each, one after the other, as `enqueue_any.lua` takes them."""
    flat: list[bytes] = []
    for job in jobs:
        flat += (pack_id(job.id), pack_job(job))
    return flat


def pack_job(job: NewJob) -> bytes:
    """A new job as `parts/new_job.lua` takes it."""
    flags, features, terms, meta, extra = _parts_of(job)
    queue = job.queue.encode()
    head = _NEW_JOB.pack(
        flags,
        features,
        job.delay,
        len(job.parents),
        job.priority,
        len(terms),
        len(queue),
        len(job.payload),
        len(meta),
        len(extra),
    )
    if not (job.parents or job.error):
        return b"".join((head, terms, queue, job.payload, meta, extra))
    parents = [bytes((len(raw),)) + raw for raw in map(pack_id, job.parents)]
    return b"".join((head, terms, queue, job.payload, meta, extra, *parents, job.error))


def pack_plain_jobs(jobs: Sequence[NewJob]) -> list[Argument] | None:
    """Jobs as `enqueue.lua` takes them, if they are for it: all join the end of one queue, under ids of their own.

    What a job shares with the one before is not packed again: in bulk that is all but id and payload.
    """
    parts = _plain_parts(jobs[0])
    if parts is None:
        return None
    (head, name, meta, extra, before, after), (_, queue, _, *known) = parts, jobs[0]
    flat: list[Argument] = [queue, str(jobs[0].priority), head]
    for job in jobs:
        id, its_queue, payload, *rest = job  # noqa: A001
        if its_queue != queue:
            return None
        if rest != known:
            known, parts = rest, _plain_parts(job)
            if parts is None or parts.head != head:
                return None
            _, name, meta, extra, before, after = parts
        tail = _PLAIN_TAIL.pack(name, len(payload), meta, extra)
        if len(payload) < _LONG:
            flat += (pack_id(id), tail + before + payload + after)
        else:
            flat += (pack_id(id), Parts((_with_past(head), tail, bytes(_PAST.size), before, payload, after)))
    return flat if len(set(flat[3::2])) == len(jobs) else None


def _with_past(head: bytes) -> bytes:
    """What the record of a long job begins with: it has the block `past`, and room for what the script knows."""
    return bytes((head[0] + 1,)) + head[1:] + bytes(_HEADER.size - _PLAIN_TAIL.size - len(head))


class _PlainParts(NamedTuple):
    """What a record of `pack_plain_jobs` is made of, besides id and payload; in the middle the sizes of segments."""

    head: bytes
    queue: int
    meta: int
    extra: int
    before: bytes
    after: bytes


def _plain_parts(job: NewJob) -> _PlainParts | None:
    if job.parents or job.delay or job.at_front or job.error or job.group:
        return None
    flags, features, terms, meta, extra = _parts_of(job)
    head = _PLAIN_HEAD.pack(_WITH_TERMS if terms else _PLAIN, _QUEUED, flags, features, job.priority)
    queue = job.queue.encode()
    return _PlainParts(head, len(queue), len(meta), len(extra), terms + queue, meta + extra)


def _parts_of(job: NewJob) -> tuple[int, int, bytes, bytes, bytes]:
    """Flags and features of a new job, and its segments `terms`, `meta` and `extra`."""
    flags = (_FRONT if job.at_front else 0) | _POLICIES.index(job.on_failure) * _POLICY | (_FAILED if job.error else 0)
    terms = _pack_terms(job.max_crashes, job.ttl, job.result_ttl, job.failure_ttl)
    features, extra = pack_extra(job)
    return flags, features, terms, pack_meta(job.meta), extra


@lru_cache(maxsize=256)
def _pack_terms(max_crashes: int, ttl: int, result_ttl: int, failure_ttl: int) -> bytes:
    if (max_crashes, ttl, result_ttl, failure_ttl) == _DEFAULT_TERMS:
        return b""
    return _TERMS.pack(max_crashes, *_split(ttl), *_split(result_ttl), *_split(failure_ttl))


def _split(value: int) -> tuple[int, int]:
    return value & 0xFFFFFFFF, value >> 32


def pack_outcomes(outcomes: Sequence[Outcome], *, keep_results: bool = True) -> list[Argument]:
    """Id, outcome and result of each, one after the other, as `parts/plain.lua` takes them."""
    flat: list[Argument] = []
    for token, id, kind, reason, run, age, result, detail, delay, counts, at_front in outcomes:  # noqa: A001
        flags = counts | at_front << 1
        packed = _OUTCOME.pack(token, _KIND[kind], _REASON[reason], run, age, delay, flags)
        kept = result if keep_results else b""
        flat += (pack_id(id), packed + detail, kept if len(kept) < _LONG else Parts((kept,)))
    return flat


def pack_tally_key(key: TallyKey) -> bytes:
    """A field of the metrics' hashes."""
    return f"{key.queue}\n{key.function}\n{key.series}\n{key.bucket}".encode()


# ---- what comes out -------------------------------------------------------------------------------------------------


def tally_key(field: bytes) -> TallyKey:
    """The key that `pack_tally_key` packed."""
    queue, function, series, bucket = field.decode().split("\n")
    return TallyKey(queue, function, series, int(bucket))


def holds_claim(raw: bytes, token: int) -> bool:
    """Whether a job's record says that it is started under this token."""
    if len(raw) < _HEADER.size:
        return False
    head = _Header._make(_HEADER.unpack_from(raw))
    return STATES[head.state] is JobStatus.STARTED and _token(head) == token


def claim_of(id: bytes, token: int, raw: bytes, now: int) -> Claim:
    """A claim from a job's record, which ends with the segment `extra` or later."""
    found = _CLAIM.unpack_from(raw)
    flags, features, priority, created, created_high, enqueued, enqueued_high, queue, payload, meta, extra = found
    start = _STARTS[raw[0]]
    queue += start
    payload += queue
    meta += payload
    enqueued |= enqueued_high << 32
    attempts, fails, crashes = (0, 0, 0) if raw[0] % 2 else _past(raw)[:3]
    parent, repeats, group, _ = unpack_extra(raw[meta : meta + extra]) if features & IN_CLAIM else NO_EXTRA
    return Claim._make(  # takes less than Claim(...), which is a call of Python's
        (
            token,
            unpack_id(id),
            raw[start:queue].decode(),
            raw[queue:payload],
            unpack_meta(raw[payload:meta])[1] if meta > payload else b"",
            flags & _SUSPECT == _SUSPECT,
            fails,
            attempts,
            crashes,
            created | created_high << 32,
            enqueued,
            now - enqueued,
            priority,
            parent and job_record(*parent, now),
            repeats,
            group,
        )
    )


def job_record(id: str, raw: bytes, now: int, executor: str = "", worker: str = "") -> JobRecord:
    """A job's record. Executor and worker's name are given for a started job; an ended one knows who ran it last."""
    head = _Header._make(_HEADER.unpack_from(raw))
    state = STATES[head.state]
    attempts, fails, crashes, reason, ended, ended_high = _past(raw)
    max_crashes, ttl, result_ttl, failure_ttl = _terms(raw)
    queue, payload, noted, raw_extra, result, rest = _segments(raw, *head[-5:])
    progress, meta = unpack_meta(noted)
    history = unpack_history(rest)
    moment = _join(head.due, head.due_high)
    only_some = _only_some(raw_extra, now) if head.features & IN_EXTRA else {}
    return JobRecord(
        id=id,
        queue=queue.decode(),
        state=state,
        payload=payload,
        reason=REASONS[reason],
        priority=head.priority,
        fails=fails,
        crashes=crashes,
        max_crashes=max_crashes,
        attempts=attempts,
        suspect=bool(head.flags & _SUSPECT),
        begun=bool(head.flags & _BEGUN),
        created_at=_join(head.created, head.created_high),
        enqueued_at=_join(head.enqueued, head.enqueued_high),
        started_at=_join(head.started, head.started_high),
        ended_at=_join(ended, ended_high),
        due_at=0 if state in ENDED else moment,
        expires_at=moment if state in ENDED else 0,
        ttl=ttl,
        result_ttl=result_ttl,
        failure_ttl=failure_ttl,
        pending=head.pending,
        on_failure=_POLICIES[head.flags // _POLICY % 4],
        token=_token(head) if state is JobStatus.STARTED else 0,
        executor=executor,
        worker=history[-1].worker if state in _RAN and history else worker,
        result=result,
        meta=meta,
        progress=progress,
        history=history,
        **only_some,
        now=now,
    )


def _token(head: _Header) -> int:
    return head.token | head.token_middle << 32 | head.token_high << 48


def _past(raw: bytes) -> tuple[int, ...]:
    """Attempts, fails, crashes, reason, and the end in two parts."""
    return _NO_PAST if raw[0] % 2 else _PAST.unpack_from(raw, _HEADER.size)


def _terms(raw: bytes) -> tuple[int, int, int, int]:
    """The most crashes, and how long it may wait, is kept once finished, and once failed."""
    if raw[0] < _WITH_TERMS:
        return _DEFAULT_TERMS
    max_crashes, *parts = _TERMS.unpack_from(raw, _STARTS[raw[0]] - _TERMS.size)
    return max_crashes, _join(*parts[:2]), _join(*parts[2:4]), _join(*parts[4:])


def _join(low: int, high: int) -> int:
    """An integer of 6 bytes."""
    return low + (high << 32)


def damaged_record(id: str, queue: str, now: int) -> JobRecord:
    """What can be told of a job whose record cannot be read."""
    return JobRecord(id, queue, JobStatus.FAILED, b"", reason="undecodable", now=now)


def _segments(raw: bytes, *sizes: int) -> list[bytes]:
    """The segments of a record: those with a length, and the rest."""
    found: list[bytes] = []
    at = _STARTS[raw[0]]
    for size in sizes:
        found.append(raw[at : at + size])
        at += size
    return [*found, raw[at:]]


def _only_some(raw: bytes, now: int) -> dict[str, Any]:
    """The fields of a record that only some jobs have. The parent of a callback is as it was when it ended."""
    extra = unpack_extra(raw)
    return extra._asdict() | {"parent": extra.parent and job_record(*extra.parent, now)}
