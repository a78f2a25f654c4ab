"""What Python and Lua both say about bytes is the same."""
# What is compared is nobody's to use:
# pyright: reportPrivateUsage=false

import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winch.stores.contract import NewJob
from winch.stores.redis import records, scripts
from winch.stores.redis.keys import pack_id, unpack_id

LUA = Path(scripts.__file__).parent / "lua"
ids = st.one_of(st.uuids().map(str), st.from_regex(r"\A[A-Za-z0-9_.-]{1,128}\Z"))


def constant(name: str, file: str) -> str:
    """The value of a constant in a Lua file."""
    found = re.search(rf"^--- @constant {name} (.+)$", (LUA / file).read_text(), re.MULTILINE)
    assert found
    return found[1].strip("'")


@given(ids)
def test_ids_come_back(id: str) -> None:
    """Any id that users may choose is the same after packing, and only a canonical UUID takes 16 bytes."""
    packed = pack_id(id)
    assert unpack_id(packed) == id
    assert (len(packed) == 16) == is_canonical(id)


def is_canonical(id: str) -> bool:
    """Whether it is a UUID as `str` writes it."""
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", id) is not None


def test_half_a_character_is_an_id_like_any_other() -> None:
    """Whoever asks for the job of such an id is told that there is none."""
    assert unpack_id(pack_id("\ud800")) == "\ud800"


@given(ids, ids)
def test_different_ids_stay_different(one: str, other: str) -> None:
    """No two ids share a key."""
    assert (pack_id(one) == pack_id(other)) == (one == other)


@pytest.mark.parametrize(
    ("python", "name", "file"),
    [
        ("_HEADER", "SIZE", "parts/record.lua"),
        ("_CLAIM", "SIZE", "parts/record.lua"),
        ("_PAST", "PAST_SIZE", "parts/record.lua"),
        ("_TERMS", "TERMS_SIZE", "parts/record.lua"),
        ("_OUTCOME", "OUTCOME_SIZE", "parts/plain.lua"),
        ("_NEW_JOB", "NEW_JOB_SIZE", "parts/new_job.lua"),
    ],
)
def test_sizes_agree(python: str, name: str, file: str) -> None:
    """A format has the same size in both languages."""
    format_: struct.Struct = getattr(records, python)
    assert format_.size == int(constant(name, file))


@pytest.mark.parametrize(
    ("name", "size", "file"),
    [
        ("HEADER", "SIZE", "parts/record.lua"),
        ("PAST", "PAST_SIZE", "parts/record.lua"),
        ("TERMS", "TERMS_SIZE", "parts/record.lua"),
        ("OUTCOME", "OUTCOME_SIZE", "parts/plain.lua"),
        ("NEW_JOB", "NEW_JOB_SIZE", "parts/new_job.lua"),
    ],
)
def test_formats_have_the_size_that_is_written_beside_them(name: str, size: str, file: str) -> None:
    """The sizes in the Lua files are those of the formats there."""
    widths = {"B": 1, "d": 8, "h": 2}
    found = re.findall(r"[iI](\d)|([Bdh])", constant(name, file))
    assert sum(int(digits) if digits else widths[letter] for digits, letter in found) == int(constant(size, file))


def test_segments_begin_behind_the_blocks_that_are_there() -> None:
    """Both languages find the segments of each form at the same place."""
    size, past, terms = (int(constant(name, "parts/record.lua")) for name in ("SIZE", "PAST_SIZE", "TERMS_SIZE"))
    starts = (size, size + past, size + terms, size + past + terms)
    assert (0, *starts) == records._STARTS
    assert f"local STARTS = {{{', '.join(map(str, starts))}}}" in (LUA / "parts/record.lua").read_text()


def test_what_is_left_out_is_what_a_job_has_anyway() -> None:
    """A record without terms stands for the defaults of the contract, in both languages."""
    job = NewJob("id", "default", b"")
    left_out = (job.max_crashes, job.ttl, job.result_ttl, job.failure_ttl)
    assert left_out == records._DEFAULT_TERMS
    known = [int(constant(name, "parts/record.lua")) for name in ("MAX_CRASHES", "RESULT_TTL", "FAILURE_TTL")]
    assert (known[0], 0, *known[1:]) == left_out
