"""The page about the life of a job shows the state machine that the stores keep, and no other."""

import re
from pathlib import Path

from winch.states import STATES, TRANSITIONS, JobStatus

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "lifecycle.md"

Transition = tuple[JobStatus | None, JobStatus | None, str]


def _state(name: str) -> JobStatus | None:
    """A state by its name; `-` and `[*]` are "does not exist"."""
    return None if name in ("-", "[*]") else JobStatus(name)


def _names(cell: str) -> list[str]:
    return [name.strip() for name in cell.split(",")]


def _table() -> list[Transition]:
    """The rows of the table of transitions."""
    section = PAGE.read_text(encoding="utf-8").partition("## Every transition")[2]
    rows = re.findall(r"^\| (\w+) \| ([\w, -]+) \| ([\w-]+) \|", section, re.MULTILINE)
    return [(_state(source), _state(target), verb) for verb, sources, target in rows[1:] for source in _names(sources)]


def _diagram() -> list[Transition]:
    """The arrows of the diagram."""
    arrows = re.findall(r"^ +(\S+) --> (\S+): (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [(_state(source), _state(target), verb) for source, target, verbs in arrows for verb in _names(verbs)]


def test_table_is_the_state_machine() -> None:
    """The table has every transition once, and none that is not one."""
    assert sorted(map(str, _table())) == sorted(map(str, TRANSITIONS))


def test_diagram_is_the_state_machine() -> None:
    """The diagram has an arrow for every transition but `delete` and `prune`, and no other."""
    drawn = [step for step in TRANSITIONS if step[2] not in ("delete", "prune")]
    assert sorted(map(str, _diagram())) == sorted(map(str, drawn))


def test_every_state_is_explained() -> None:
    """Each state has its row in the first table."""
    page = PAGE.read_text(encoding="utf-8")
    missing = [state for state in STATES if f"| `{state}` |" not in page]
    assert not missing


def test_undrawn_transitions_are_as_the_page_says() -> None:
    """`delete` is possible in every state and `prune` in every ended one, as the sentence below the diagram says."""
    ended = [JobStatus.FINISHED, JobStatus.FAILED, JobStatus.CANCELED, JobStatus.STOPPED]
    said = {(state, None, verb) for verb, states in (("delete", STATES), ("prune", ended)) for state in states}
    assert {step for step in TRANSITIONS if step[2] in ("delete", "prune")} == said
