"""The planted bugs stay bugs of today's code."""

import subprocess

import pytest

from tests.mutants.run import PATCHES, ROOT, killers


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_patch_still_applies(patch: object) -> None:
    """A patch that no longer fits the code is noticed when the code changes."""
    subprocess.run(["git", "apply", "--check", str(patch)], cwd=ROOT, check=True, capture_output=True)


def test_every_patch_names_what_kills_it() -> None:
    """And there are enough of them."""
    assert len(PATCHES) >= 15
    assert all(killers(patch) for patch in PATCHES)
